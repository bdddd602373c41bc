/**
 * What stands in a record instead of a value that cannot or must not be written.
 *
 * @module
 */

/** What a clipped value was. `length` is in characters, entries or bytes, as fits the kind. */
export type ClippedKind = "string" | "array" | "object" | "json" | "form" | "multipart" | "text" | "binary";

export const clipped = (kind: ClippedKind, length?: number): object =>
  length === undefined ? { $clipped: kind } : { $clipped: kind, length };

export const binary = (bytes: number): object => ({ $binary: bytes });

/** A field whose value is gone. */
export const REDACTED = "[REDACTED]";

/** Cuts a text that must stay a text, and says so in it. */
export function clipText(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… [clipped, ${text.length} characters]`;
}
