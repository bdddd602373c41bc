/**
 * What changed between two images of a row, under the entity's field rules.
 *
 * @module
 */
import type { FieldRules } from "../capture/event.js";
import { mask } from "./mask.js";
import { binary, REDACTED } from "./markers.js";
import { put } from "./plain.js";
import type { RowImage } from "./types.js";

export type Changes = Record<string, { from: unknown; to: unknown }>;

/** The fields that differ and are not excluded, each with its value before and after, as it may be written. */
export function changedFields(before: RowImage, after: RowImage, rules: FieldRules): Changes {
  const changes: Changes = {};
  for (const field of Object.keys({ ...before, ...after })) {
    if (!isKept(field, rules)) continue;
    const from = before[field];
    const to = after[field];
    if (sameValue(from, to)) continue;
    put(changes, field, { from: shown(field, from, rules) ?? null, to: shown(field, to, rules) ?? null });
  }
  return changes;
}

/** The row with its excluded fields left out, and its redacted and masked ones so. */
export function shownImage(image: RowImage | null, rules: FieldRules): RowImage | null {
  if (image === null) return null;
  const copy: RowImage = {};
  for (const field of Object.keys(image)) {
    if (isKept(field, rules)) put(copy, field, shown(field, image[field], rules));
  }
  return copy;
}

/** The pointers of the fields of `image` that the rules hide, and that have a value to hide. */
export function hiddenPaths(parent: string, image: object, rules: FieldRules): string[] {
  return Object.entries(image)
    .filter(([field, value]) => isHidden(field, rules) && hasSecret(value))
    .map(([field]) => `${parent}/${pointerPart(field)}`);
}

/** A name as it stands in a JSON Pointer, RFC 6901 §3. */
export function pointerPart(name: string): string {
  return name.includes("~") || name.includes("/") ? name.replaceAll("~", "~0").replaceAll("/", "~1") : name;
}

/** Whether there is anything to hide: the absence of a secret is none. */
export function hasSecret(value: unknown): boolean {
  return value !== null && value !== undefined && value !== "" && typeof value !== "boolean";
}

export function isHidden(field: string, rules: FieldRules): boolean {
  return rules.redact.has(field) || rules.mask.has(field);
}

function isKept(field: string, rules: FieldRules): boolean {
  return !rules.exclude.has(field) && (rules.include === null || rules.include.has(field));
}

function shown(field: string, value: unknown, rules: FieldRules): unknown {
  if (rules.redact.has(field)) return hasSecret(value) ? REDACTED : value;
  const plain = value instanceof Uint8Array ? binary(value.byteLength) : value;
  return rules.mask.has(field) ? mask(plain) : plain;
}

/** Deep equality of JSON values and bytes. Two dates of the same time are the same. */
export function sameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  // A field that a partial image does not have is no change to NULL.
  if ((one ?? null) === null && (other ?? null) === null) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (one instanceof Uint8Array || other instanceof Uint8Array) {
    return one instanceof Uint8Array && other instanceof Uint8Array && Buffer.compare(one, other) === 0;
  }
  if (one instanceof Date || other instanceof Date) {
    return one instanceof Date && other instanceof Date && one.getTime() === other.getTime();
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false;
  return sameFields(one as Record<string, unknown>, other as Record<string, unknown>);
}

function sameFields(one: Record<string, unknown>, other: Record<string, unknown>): boolean {
  const keys = Object.keys(one);
  return (
    keys.length === Object.keys(other).length &&
    keys.every((key) => Object.hasOwn(other, key) && sameValue(one[key], other[key]))
  );
}
