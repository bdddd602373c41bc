/**
 * Names as SQL writes them.
 *
 * @module
 */
import type { TableRef } from "./read.js";

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

export function quotedTable({ schema, name }: TableRef): string {
  return schema === null ? quoted(name) : `${quoted(schema)}.${quoted(name)}`;
}
