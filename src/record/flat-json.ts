/**
 * Small plain objects as JSON, without any code of the application's being run.
 *
 * @module
 */
import { types } from "node:util";
import { quoted } from "./head-text.js";

/** Objects with more fields are left to others. */
const MAX_FLAT = 32;

/**
 * A plain object of texts, finite numbers, booleans and `null` as JSON; `undefined` for any other. Nothing is read but
 * fields that are values, so no getter runs.
 *
 * @param accepts - false: not with this field
 */
export function flatJson(
  object: object,
  accepts: (key: string, value: unknown, index: number) => boolean = () => true,
): string | undefined {
  if (types.isProxy(object) || Object.getPrototypeOf(object) !== Object.prototype) return undefined;
  const keys = Object.keys(object);
  if (keys.length > MAX_FLAT) return undefined;
  let json = "";
  for (const [index, key] of keys.entries()) {
    const value: unknown = Object.getOwnPropertyDescriptor(object, key)?.value;
    if (!accepts(key, value, index)) return undefined;
    if (typeof value === "string") json += `,${quoted(key)}:${quoted(value)}`;
    else if (value === null || typeof value === "boolean" || Number.isFinite(value))
      json += `,${quoted(key)}:${value as number}`;
    else return undefined;
  }
  return `{${json.slice(1)}}`;
}
