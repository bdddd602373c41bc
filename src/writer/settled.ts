/**
 * When a backup is one for good. Whoever deletes, compresses or ships backups waits for it.
 *
 * @module
 */
import type { Stats } from "node:fs";

/** A process that has not seen the rotation yet may append to a backup for a moment, however old its last line is. */
export const SETTLED_MS = 5000;

/** When a file was last written to, or renamed, in milliseconds since the epoch: a rename leaves `mtime` as it was. */
export function lastChange({ mtimeMs, ctimeMs }: Stats): number {
  return Math.floor(Math.max(mtimeMs, ctimeMs));
}
