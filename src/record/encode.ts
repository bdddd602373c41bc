/**
 * Record → one line of JSON, with what must be hidden hidden on the way.
 *
 * The usual record is walked once, found to hold nothing that must go, and given to the native serializer,
 * which no code of ours is faster than. Only what must change is copied.
 *
 * @module
 */
import { MAX_PATHS, redactFields } from "./fields.js";
import type { Finding } from "./hide.js";
import { MAX_LINE, UNLIMITED, type Limits } from "./limits.js";
import { type Fields, put } from "./plain.js";
import type { Redactor } from "./redactor.js";
import { regularFields } from "./regular.js";
import { hasEcho, Sweep } from "./sweep.js";
import { IRREGULAR } from "./walk.js";

/** Harder and harder limits for a record whose line would be too long: escapes can make six characters of one. */
const TRIES = [1, 8, 64, 1024];

/**
 * The record as one line of JSON without its line break: redacted, bounded to 1048576 characters, and free of
 * control characters. Takes any object; never throws, and calls no getter and no `toJSON` more often than once.
 *
 * @example
 * encode(record, createRedactor()); // {"timestamp":"2026-01-05 09:12:44.031","level":"API",…
 */
export function encode(record: object, redactor: Redactor): string {
  return encodeWithFindings(record, redactor).line;
}

/** A line, and what was hidden in it. */
export interface Encoded {
  readonly line: string;
  readonly findings: readonly Finding[];
}

export function encodeWithFindings(record: object, redactor: Redactor): Encoded {
  for (const factor of TRIES) {
    try {
      const encoded = encodeWithin(record, redactor, tightened(redactor.limits, factor));
      if (encoded.line.length <= MAX_LINE) return encoded;
    } catch {
      // Code of the application's ran into us: a trap of a Proxy, a patched prototype. Try with less of it.
    }
  }
  return {
    line: '{"level":"AUDIT","name":"audit.trail","message":"a record that cannot be read"}',
    findings: [],
  };
}

function tightened(limits: Limits, factor: number): Limits {
  if (factor === 1) return limits;
  return {
    depth: limits.depth,
    entries: Math.max(10, Math.floor(limits.entries / factor)),
    string: Math.max(32, Math.floor(limits.string / factor)),
    total: Math.max(1024, Math.floor(limits.total / factor)),
  };
}

function encodeWithin(record: object, redactor: Redactor, limits: Limits): Encoded {
  let walk = redactor.walk(limits);
  let shown: object;
  try {
    shown = redactFields(record, walk);
  } catch (error) {
    if (error !== IRREGULAR && !(error instanceof Error)) throw error;
    walk = redactor.walk(UNLIMITED);
    shown = redactFields(regularFields(record, limits), walk);
  }
  const { findings } = walk.hider;
  const known = findings.length;
  let line = JSON.stringify(known === 0 ? shown : withRedacted(shown, findings));
  if (redactor.forms.mayBeIn(line) || hasEcho(line, walk.hider)) {
    shown = new Sweep(walk.hider, redactor.forms).record(shown as Fields);
    if (findings.length > known) line = JSON.stringify(withRedacted(shown, findings));
  }
  return { line: withoutControls(line), findings };
}

/** The record with `redacted` in its place, after `extra`. */
function withRedacted(record: object, findings: readonly Finding[]): object {
  const { redacted: before, ...fields } = record as Fields;
  const paths = [...new Set([...(Array.isArray(before) ? before : []), ...findings.map(({ path }) => path)])];
  const more = paths.length - MAX_PATHS;
  const list = more > 0 ? [...paths.slice(0, MAX_PATHS), `(${more} more)`] : paths;
  if (!Object.hasOwn(fields, "extra")) return { ...fields, redacted: list };
  const copy: Fields = {};
  for (const key of Object.keys(fields)) {
    put(copy, key, fields[key]);
    if (key === "extra") copy.redacted = list;
  }
  return copy;
}

/**
 * JSON lets through C1 controls, which some terminals obey, and U+2028 and U+2029, which some readers take for
 * line breaks. A line of ASCII has none of them.
 */
function withoutControls(line: string): string {
  if (Buffer.byteLength(line) === line.length) return line;
  return line.replaceAll(
    /[\u0080-\u009f\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
