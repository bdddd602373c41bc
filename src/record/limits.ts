/**
 * How much of a value is written, so that no input makes a record that is too large or takes too long.
 *
 * @module
 */

/** Bounds of one record. Beyond them a value is replaced by a marker that says what it was. */
export interface Limits {
  /** Levels of nesting. Default 32. */
  readonly depth: number;
  /** Entries of one array, object, map or set. Default 1000. */
  readonly entries: number;
  /** Characters of one string. Default 32768. */
  readonly string: number;
  /** Characters of all strings and keys together, each value counting 8 more. Default 262144. */
  readonly total: number;
}

export const LIMITS: Limits = Object.freeze({ depth: 32, entries: 1000, string: 32_768, total: 262_144 });

/** For values that are a bounded copy already. */
export const UNLIMITED: Limits = Object.freeze({
  depth: 100,
  entries: Number.POSITIVE_INFINITY,
  string: Number.POSITIVE_INFINITY,
  total: Number.POSITIVE_INFINITY,
});

/** The longest line, in characters; a record that would be longer is clipped harder until it fits. */
export const MAX_LINE = 1_048_576;

/** What every value costs of `Limits.total`, so that a million empty objects are bounded too. */
export const VALUE_COST = 8;

/** Longer keys are cut: no field of a real record has such a name. */
export const MAX_KEY = 256;

/** Characters of one of our own identifiers; and how many fields a record may have. */
export const MAX_IDENTIFIER = 1024;

/** How many places `redacted` lists. */
export const MAX_PATHS = 100;
