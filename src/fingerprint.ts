/**
 * One hash of a configuration: whether it is the one of yesterday, without saying what it is.
 *
 * @module
 */
import { createHash } from "node:crypto";

/**
 * SHA-256, in hex, over the value as JSON with its keys in order. Functions and regular expressions count by their text,
 * bytes by their hash.
 *
 * @example
 * fingerprint({ b: 1, a: [true] }) === fingerprint({ a: [true], b: 1 });
 */
export function fingerprint(value: unknown): string {
  return createHash("sha256").update(canonical(value, new Set())).digest("hex");
}

function canonical(value: unknown, above: ReadonlySet<object>): string {
  if (typeof value === "function")
    return JSON.stringify(`function ${Function.prototype.toString.call(value)}`);
  if (value instanceof RegExp) return JSON.stringify(String(value));
  if (value instanceof Uint8Array) return JSON.stringify(createHash("sha256").update(value).digest("hex"));
  if (typeof value === "bigint") return `"${value}n"`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  // The application's own fields may refer to themselves.
  if (above.has(value)) return '"…"';
  const within = new Set([...above, value]);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item, within)).join()}]`;
  const entries = Object.entries(value)
    .filter(([, item]) => item !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${JSON.stringify(name)}:${canonical(item, within)}`).join()}}`;
}
