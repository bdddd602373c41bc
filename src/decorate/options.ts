/**
 * The options of decorators: checked where they are given, and frozen with all that is in them.
 *
 * @module
 */
import * as v from "valibot";
import { callback } from "../check.js";
import type { AuditEntityOptions } from "./metadata.js";

const fields = v.optional(v.array(v.string("a field's name"), "a list of field names"));

export const entityOptionsSchema = v.strictObject({
  model: v.optional(v.pipe(v.string("a name"), v.nonEmpty("a name"))),
  exclude: fields,
  include: fields,
  mask: fields,
  redact: fields,
  label: v.optional(callback<(row: never) => string>()),
  reads: v.optional(v.boolean("true or false")),
});

export const routeOptionsSchema = v.strictObject({
  action: v.optional(v.string("a text")),
  activity: v.optional(v.string("a text")),
  bodies: v.optional(v.boolean("true or false")),
  headers: v.optional(v.boolean("true or false")),
  extra: v.optional(v.looseObject({}, "an object")),
});

export const serviceOptionsSchema = v.strictObject({
  log: v.optional(
    v.union([v.literal(false), v.picklist(["metadata", "full"])], 'false, "metadata" or "full"'),
  ),
});

/** A frozen copy, lists and objects in it included. */
export function frozen<Options extends object>(options: Options): Options {
  const copies = Object.entries(options).map(([key, value]: [string, unknown]) => [
    key,
    Array.isArray(value)
      ? Object.freeze([...value])
      : typeof value === "object" && value !== null
        ? Object.freeze({ ...value })
        : value,
  ]);
  return Object.freeze(Object.fromEntries(copies)) as Options;
}

const protections = ["exclude", "mask", "redact"] as const;

/**
 * What two decorations of one entity say together: the nearer one wins, but what either of them protects stays
 * protected. A subclass that says something anew must not lay its parent's secrets open.
 */
export function united(near: AuditEntityOptions, far: AuditEntityOptions | undefined): AuditEntityOptions {
  if (!far) return near;
  const lists = protections.flatMap((list) => {
    const names = new Set([...(far[list] ?? []), ...(near[list] ?? [])]);
    return names.size > 0 ? [[list, [...names]]] : [];
  });
  return frozen({ ...far, ...near, ...Object.fromEntries(lists) } as AuditEntityOptions);
}
