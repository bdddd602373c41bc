/**
 * The fields of a record that are ours, and how each is treated.
 *
 * Our own identifiers are never taken for secrets, whatever they look like: a table `password_resets` and a
 * route `/login/:token` must stay what they are. Everything else came from outside.
 *
 * @module
 */
import { MAX_IDENTIFIER } from "./limits.js";
import { type Fields, isObject, isPlainObject, put, words } from "./plain.js";
import { redactRouteParameters } from "./route.js";
import { step } from "./text.js";
import { IRREGULAR, type Walk } from "./walk.js";

/** Written as they are. */
export const IDENTIFIERS: ReadonlySet<string> = words(`
  timestamp level name service_name record_id schema request_id parent_id trace_id span_id
  outcome model table event_type transaction_id row_count request_type protocol execution_time
  route handler success event module function redacted chain seq hash
`);

/** Texts that stay texts: too long they are cut, not replaced by a marker. */
export const TEXTS: ReadonlySet<string> = words(`
  message error_message error exception path action instance_id instance_label statement
`);

export function isIdentifier(field: string): boolean {
  return IDENTIFIERS.has(field);
}

/** Whether a value can be one of our own identifiers, which are written as they are. */
export function canBeIdentifier(value: unknown): boolean {
  if (typeof value === "string") return value.length <= MAX_IDENTIFIER;
  return value === null || typeof value === "boolean" || (typeof value === "number" && value - value === 0);
}

const FOREIGN_OF_REQUEST = ["user", "extra", "request_repr", "response_repr", "error_message"];

/** The record as it may be written; the same one if there is nothing to hide. */
export function redactFields(record: object, walk: Walk): Fields {
  if (!isPlainObject(record)) throw IRREGULAR;
  let copy: Fields | undefined;
  for (const key of isRequest(record) ? FOREIGN_OF_REQUEST : foreignFields(record)) {
    const value = record[key];
    const known = walk.hider.findings.length;
    const shown =
      key === "changed_fields" && isObject(value) ? walk.changes(value) : walk.field(record, key, value);
    if (shown === value) continue;
    walk.hider.complete(known, step(key));
    copy ??= { ...record };
    put(copy, key, shown);
  }
  const shown = copy ?? record;
  return typeof record.route === "string" ? redactRouteParameters(shown, record.route, walk) : shown;
}

/** The fields that hold what came from outside. */
function foreignFields(record: Fields): string[] {
  const keys = Object.keys(record);
  if (keys.length > MAX_IDENTIFIER) throw IRREGULAR;
  return keys.filter((key) => !(IDENTIFIERS.has(key) && canBeIdentifier(record[key])));
}

/**
 * Whether it is a whole record of a request and nothing else: each of its 22 fields is there, and at most a free place
 * for `redacted`.
 * This is the record that most lines are of, and asking every field for its name would double the cost of it.
 */
export function isRequest(record: Fields): boolean {
  if (record.name !== "audit.request" || !hasShortTexts(record)) return false;
  let fields = 0;
  for (const _ in record) fields += 1;
  return (
    fields === ("redacted" in record ? 23 : 22) &&
    record.level === "API" &&
    record.schema === 1 &&
    record.redacted === undefined &&
    typeof record.execution_time === "number" &&
    (record.message === "Audit Internal Request" || record.message === "Audit External Service") &&
    record.user !== undefined &&
    record.extra !== undefined &&
    record.request_repr !== undefined &&
    record.response_repr !== undefined &&
    record.error_message !== undefined
  );
}

/** The other half of them. */
function hasShortTexts(record: Fields): boolean {
  return (
    isText(record.timestamp) &&
    isText(record.service_name) &&
    isText(record.record_id) &&
    isTextOrNull(record.request_id) &&
    isTextOrNull(record.parent_id) &&
    isTextOrNull(record.trace_id) &&
    isTextOrNull(record.span_id) &&
    isText(record.outcome) &&
    isText(record.request_type) &&
    isText(record.protocol) &&
    isTextOrNull(record.route) &&
    isTextOrNull(record.handler)
  );
}

function isText(value: unknown): boolean {
  return typeof value === "string" && value.length <= MAX_IDENTIFIER;
}

function isTextOrNull(value: unknown): boolean {
  return value === null || isText(value);
}
