/**
 * Secrets in the path of a request, which only the route's pattern has a name for.
 *
 * @module
 */
import type { Hider } from "./hide.js";
import { hides, type KeyTable } from "./keys.js";
import { type Fields, isObject } from "./plain.js";
import type { Walk } from "./walk.js";

/** `/reset/:token`: the path of the request holds at that place what the pattern calls by name. */
export function redactRouteParameters(record: Fields, route: string, walk: Walk): Fields {
  if (!walk.keys.hidesPartOf(route)) return record;
  const request = record.request_repr;
  if (!isObject(request) || typeof request.path !== "string") return record;
  const path = redactPath(request.path, route, walk.keys, walk.hider);
  return path === request.path ? record : { ...record, request_repr: { ...request, path } };
}

function redactPath(path: string, route: string, keys: KeyTable, hider: Hider): string {
  const names = route.split("/").toReversed();
  const parts = path.split("/").toReversed();
  // Counted from the end, because a pattern may lack the prefix that its router is mounted on.
  const trailing = parts[0] === "" && names[0] !== "" ? 1 : 0;
  for (const [index, name] of names.entries()) {
    const parameter = /^[:{](\w+)/u.exec(name)?.[1];
    const part = parts[index + trailing];
    if (parameter === undefined || part === undefined || !hides(keys.actionOf(parameter))) continue;
    const known = hider.findings.length;
    parts[index + trailing] = hider.text("redact", part, `#${parameter}`, "route");
    hider.complete(known, "/request_repr/path");
  }
  return parts.toReversed().join("/");
}
