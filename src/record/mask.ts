/**
 * `mask`: a value written in part, so that who knows it can recognise it and nobody can learn it.
 *
 * @module
 */
import { put } from "./plain.js";

/**
 * Keeps at most the last four characters and at most a quarter of the text; of an e-mail address the first
 * character and the domain. The number of stars says nothing of the length. `null`, `undefined` and booleans
 * stay; arrays and objects are masked in every part.
 *
 * @example
 * mask("+41 79 123 45 67"); // "***5 67"
 * mask("anna@example.com"); // "a***@example.com"
 */
export function mask(value: unknown): unknown {
  switch (typeof value) {
    case "string":
      return value === "" ? value : maskText(value);
    case "number":
    case "bigint":
      return maskText(String(value));
    case "object":
      return value === null ? null : maskParts(value);
    default:
      return value;
  }
}

function maskText(text: string): string {
  const mail = /^([^\s@])[^\s@]*(@[^\s@]+\.[^\s@]+)$/u.exec(text.slice(0, 320));
  if (mail) return `${mail[1]}***${mail[2]}`;
  const kept = Math.min(4, Math.floor(text.length / 4));
  return kept === 0 ? "***" : `***${text.slice(-kept)}`;
}

function maskParts(value: object): unknown {
  if (Array.isArray(value)) return value.map(mask);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) put(copy, key, mask((value as Record<string, unknown>)[key]));
  return copy;
}
