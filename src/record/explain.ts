/**
 * Shows what would be written, before going live.
 *
 * @module
 */
import type { Moment, Stamp } from "./common.js";
import { encodeWithFindings } from "./encode.js";
import { printable } from "./printable.js";
import type { Finding } from "./hide.js";
import { createRedactor, type RedactionPolicy } from "./redactor.js";
import { buildCustom } from "./stated.js";

/** One place of a record, and what was done there. */
export interface Explanation {
  /** A JSON Pointer into the record; `#name` says where in a text. */
  readonly path: string;
  /** What was done: `redact` (gone), `mask` (in part), `pseudonymise` (joinable by who has the key). */
  readonly action: Finding["action"];
  /** In words: the name of the field, the form of the value, or where else it is hidden. */
  readonly because: string;
}

/** What would be written. */
export interface Explained {
  /** The line, as it would stand in the file. */
  readonly line: string;
  /** The same as an object. */
  readonly record: Record<string, unknown>;
  /** What is hidden in it, and why; `[]` if nothing is. */
  readonly redacted: readonly Explanation[];
}

/**
 * What a policy makes of a record. A sample that is no record is shown as the `extra` of one.
 *
 * @example
 * explain({ password: "x" }, {}).redacted; // [{ path: "/extra/password", action: "redact", because: "…" }]
 */
export function explain(sample: object, policy: RedactionPolicy = {}): Explained {
  const record = isRecord(sample) ? sample : asExtra(sample);
  const { line, findings } = encodeWithFindings(record, createRedactor(policy));
  return {
    line: printable(line),
    record: JSON.parse(line) as Record<string, unknown>,
    redacted: findings.map(({ path, action, reason }) => ({ path, action, because: sentence(reason, path) })),
  };
}

const NOWHERE: Moment = { at: 0, context: undefined };
const NOBODY: Stamp = { recordId: "00000000-0000-7000-8000-000000000000", serviceName: "sample" };

function asExtra(sample: object): object {
  return buildCustom({ action: "sample", extra: sample as Record<string, unknown> }, NOWHERE, NOBODY);
}

function isRecord(sample: object): boolean {
  return "record_id" in sample && "schema" in sample;
}

function sentence(reason: Finding["reason"], path: string): string {
  switch (reason) {
    case "name":
      return `the name \`${path.split(/[/#]/u).findLast((part) => !/^(?:\d+|from|to)?$/u.test(part))}\` is on the list`;
    case "echo":
      return "the same value is hidden elsewhere in the record";
    case "route":
      return "the route's pattern has a name for this part of the path that is on the list";
    default:
      return `the value has the form of a secret (${reason})`;
  }
}
