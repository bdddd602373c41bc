/**
 * The fields of a record that are ours, and how each is treated.
 *
 * Our own identifiers are never taken for secrets, whatever they look like: a table `password_resets` and a
 * route `/login/:token` must stay what they are. Everything else came from outside.
 *
 * @module
 */
import { type Fields, isObject, put, words } from "./plain.js";
import { redactRouteParameters } from "./route.js";
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

/** Characters; and how many fields a record may have. */
export const MAX_IDENTIFIER = 1024;

/** How many places `redacted` lists. */
export const MAX_PATHS = 100;

export function isIdentifier(field: string): boolean {
  return IDENTIFIERS.has(field);
}

/** The record as it may be written; the same one if there is nothing to hide. */
export function redactFields(record: object, walk: Walk): object {
  const prototype: unknown = Object.getPrototypeOf(record);
  if (prototype !== Object.prototype && prototype !== null) throw IRREGULAR;
  const source = record as Fields;
  let copy: Fields | undefined;
  let count = 0;
  for (const key in source) {
    const value = source[key];
    if ((count += 1) > MAX_IDENTIFIER) throw IRREGULAR;
    if (IDENTIFIERS.has(key) && isShort(value)) continue;
    const known = walk.hider.findings.length;
    const shown =
      key === "changed_fields" && isObject(value) ? walk.changes(value) : walk.field(source, key, value);
    if (shown === value) continue;
    walk.hider.complete(known, `/${key}`);
    copy ??= { ...source };
    put(copy, key, shown);
  }
  const shown = copy ?? source;
  return typeof source.route === "string" ? redactRouteParameters(shown, source.route, walk) : shown;
}

function isShort(value: unknown): boolean {
  switch (typeof value) {
    case "string":
      return value.length <= MAX_IDENTIFIER;
    case "number":
      return value - value === 0;
    case "boolean":
      return true;
    default:
      return value === null || isPathList(value);
  }
}

/** `redacted`, as the rules of an entity began it. */
function isPathList(value: unknown): boolean {
  return (
    Array.isArray(value) && value.length <= MAX_PATHS + 1 && value.every((path) => typeof path === "string")
  );
}
