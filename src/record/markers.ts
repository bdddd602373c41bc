/**
 * What stands in a record instead of a value that cannot or must not be written.
 *
 * @module
 */
import { MAX_KEY } from "./limits.js";

/** What a clipped value was. `length` is in characters, entries or bytes, as fits the kind. */
export type ClippedKind = "string" | "array" | "object" | "json" | "form" | "multipart" | "text" | "binary";

export const clipped = (kind: ClippedKind, length?: number): object =>
  length === undefined ? { $clipped: kind } : { $clipped: kind, length };

export const binary = (bytes: number): object => ({ $binary: bytes });

/** A field whose value is gone. */
export const REDACTED = "[REDACTED]";

/** A name as it may stand in a record. What is cut off is said, and the whole is no longer than allowed. */
export function clipName(name: string): string {
  return name.length <= MAX_KEY ? name : clipText(name, MAX_KEY - 56);
}

/** Cuts a text that must stay a text, and says so in it. */
export function clipText(text: string, limit: number): string {
  return text.length <= limit ? text : `${text.slice(0, limit)}… [clipped, ${text.length} characters]`;
}
