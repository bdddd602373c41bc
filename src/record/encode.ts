/**
 * Record → one line of JSON, with what must be hidden hidden on the way.
 *
 * The usual record is walked once, found to hold nothing that must go, and given to the native serializer,
 * which no code of ours is faster than. Only what must change is copied.
 *
 * @module
 */
import { redactFields } from "./fields.js";
import type { Finding } from "./hide.js";
import { MAX_LINE, MAX_PATHS, UNLIMITED, type Limits } from "./limits.js";
import type { Fields } from "./plain.js";
import { printable } from "./printable.js";
import type { Redactor } from "./redactor.js";
import { regularFields } from "./regular.js";
import { hasEcho, Sweep } from "./sweep.js";
import type { Walk } from "./walk.js";
import { wellFormed } from "./well-formed.js";

/** Harder and harder limits for a record whose line would be too long: escapes can make six characters of one. */
const TRIES = [1, 8, 64, 1024];

/** Stands for a record of which nothing can be read. */
export const UNREADABLE = '{"level":"AUDIT","name":"audit.trail","message":"a record that cannot be read"}';

/**
 * The record as one line of JSON without its line break: redacted, bounded to 1048576 characters, and free of
 * control characters and of halves of surrogate pairs. Takes any object, and never throws.
 *
 * @example
 * encode(record, createRedactor()); // {"timestamp":"2026-01-05 09:12:44.031","level":"API",…
 */
export function encode(record: object, redactor: Redactor): string {
  const line = encodeLine(record, redactor);
  return Buffer.byteLength(line) === line.length ? line : printable(line);
}

/**
 * The same, but for `printable`, which costs a fifth of writing the record as JSON. The writer learns for nothing
 * whether a line is ASCII, and does it to those that are not.
 */
export function encodeLine(record: object, redactor: Redactor): string {
  return finished?.get(record) ?? encodeClean(record, redactor) ?? encodeWithFindings(record, redactor).line;
}

/** Nearly all records; `undefined` for one that must be looked at more closely. */
function encodeClean(record: object, redactor: Redactor): string | undefined {
  try {
    if (!redactor.isClean(record)) return undefined;
    const line = JSON.stringify(record);
    return line.length <= MAX_LINE ? wellFormed(line) : undefined;
  } catch {
    // Code of the application's ran into us: a getter, a Proxy.
    return undefined;
  }
}

/** Whether its line is there already. */
export function isFinished(record: object): boolean {
  return finished?.has(record) ?? false;
}

/* None in most processes: then a record costs no look-up. */
let finished: WeakMap<object, string> | undefined;

/**
 * The record of a line that `encode` has made before, perhaps in another process. It is written as that very line:
 * what is masked or pseudonymised must not be so twice.
 */
export function decode(line: string): { readonly name: string } {
  const record = JSON.parse(line) as { readonly name: string };
  finished ??= new WeakMap();
  finished.set(record, line);
  return record;
}

/** A line, and what was hidden in it. */
export interface Encoded {
  readonly line: string;
  readonly findings: readonly Finding[];
}

export function encodeWithFindings(record: object, redactor: Redactor): Encoded {
  try {
    const walk = redactor.walk(redactor.limits);
    const encoded = encodeShown(redactFields(record, walk), walk, redactor);
    if (encoded.line.length <= MAX_LINE) return encoded;
  } catch {
    // It is no plain data within the limits, or code of the application's ran into us.
  }
  return encodeCopy(record, redactor);
}

function encodeCopy(record: object, redactor: Redactor): Encoded {
  for (const factor of TRIES) {
    try {
      const walk = redactor.walk(UNLIMITED);
      const copy = regularFields(record, tightened(redactor.limits, factor));
      const encoded = encodeShown(redactFields(copy, walk), walk, redactor);
      if (encoded.line.length <= MAX_LINE) return encoded;
    } catch {
      // A trap of a Proxy, a patched prototype: what cannot be read with less of it either is not read.
    }
  }
  return { line: UNREADABLE, findings: [] };
}

/** @param shown - what the walk has made of the record; a copy of ours if something was found */
function encodeShown(shown: Fields, walk: Walk, redactor: Redactor): Encoded {
  const { hider } = walk;
  const known = hider.findings.length;
  if (known > 0) listFindings(shown, hider.findings);
  let line = JSON.stringify(shown);
  if (walk.namesHaveForms || (hider.echoes && hasEcho(line, hider.echoes))) {
    const swept = new Sweep(hider, redactor.forms).record(shown);
    if (hider.findings.length > known) {
      listFindings(swept, hider.findings);
      line = JSON.stringify(swept);
    }
  }
  // At last: what was hidden is looked for as it was.
  return { line: wellFormed(line), findings: hider.findings };
}

/** Fills in `redacted`. It stands after `extra`, where records of ours keep a place for it. */
function listFindings(copy: Fields, findings: readonly Finding[]): void {
  const paths: unknown[] = Array.isArray(copy.redacted) ? copy.redacted.slice(0, MAX_PATHS) : [];
  let more = 0;
  for (const { path } of findings) {
    if (paths.length >= MAX_PATHS) more += 1;
    else if (!paths.includes(path)) paths.push(path);
  }
  if (more > 0) paths.push(`(${more} more)`);
  copy.redacted = paths;
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
