/**
 * Files that live as long as one conversion.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";

/** A fresh name in a folder of this process alone. */
export function temporaryIn(folder: string): string {
  return join(folder, `${randomBytes(8).toString("hex")}.jsonl`);
}
