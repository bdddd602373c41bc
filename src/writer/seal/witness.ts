/**
 * A witness: somebody apart who is told of each checkpoint, so that a trail that was cut or made anew can be told
 * from the one that was witnessed. As a file it belongs on another disk, or where this process may only append.
 *
 * @module
 */
import { appendFileSync } from "node:fs";
import type { Witnessed } from "../../seal/checkpoint.js";

/** Appends a checkpoint to a witness file, as a line of JSON. */
export function appendWitness(path: string, witnessed: Witnessed): void {
  appendFileSync(path, `${JSON.stringify(witnessed)}\n`, { mode: 0o600 });
}
