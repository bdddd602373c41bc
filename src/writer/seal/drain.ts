/**
 * Moves lines from a ring to a sealed file; the same on either thread.
 *
 * Whatever is written is first sealed from where the chain stands, and the chain goes on only when it stands in the file.
 * So a batch that was not written, or only in part, is sealed again in the same way by whoever comes next.
 *
 * @module
 */
import type { CheckpointReason } from "../../seal/checkpoint.js";
import type { Batch } from "../entry.js";
import type { LogFile } from "../file.js";
import type { Claim } from "../owner.js";
import { FAILING, FLIGHT_BYTES, FLIGHT_INODE, FLIGHT_SIZE, READ_AT, storeNumber } from "../protocol.js";
import type { Ring } from "../ring.js";
import type { Sealer } from "./sealer.js";

/** Stands for the line of a checkpoint where only the length counts, and that not exactly. */
const PLACEHOLDER = Buffer.alloc(1024, "x").fill("\n", 1023);

/**
 * Writes one batch.
 *
 * @returns false when the claim was lost to the calling thread
 */
export function writeSealed(batch: Batch, ring: Ring, file: LogFile, claim: Claim, seal: Sealer): boolean {
  const { lines } = batch;
  let sealed = seal.seal(lines);
  let allowed = file.prepare(sealed);
  while (seal.isNewIn(file.inode)) {
    if (!writeCheckpoint("file", ring, file, claim, seal)) return false;
    sealed = seal.seal(lines);
    // The first line of a file belongs into it however long it is; else a file of checkpoints would follow the other.
    allowed = file.prepare(sealed, false);
  }
  if (!claim.enter()) return false;
  try {
    seal.noteFlight(Atomics.load(ring.words, READ_AT));
    noteFlight(ring.words, batch.entryBytes(lines.length), file);
    const done = seal.commit(lines, sealed, file.write(sealed.subarray(0, allowed)));
    isWhole(ring.words);
    ring.consume(batch.entryBytes(done));
  } finally {
    ring.words[FLIGHT_BYTES] = 0;
    claim.leave();
  }
  return true;
}

/** Writes a line that is in no ring. Only for the calling thread, which needs no note to take over from itself. */
export function appendSealed(line: Buffer, ring: Ring, file: LogFile, claim: Claim, seal: Sealer): void {
  let sealed = seal.seal(line);
  file.prepare(sealed);
  while (seal.isNewIn(file.inode)) {
    writeCheckpoint("file", ring, file, claim, seal);
    sealed = seal.seal(line);
    file.prepare(sealed, false);
  }
  seal.commit(line, sealed, file.write(sealed));
}

/**
 * Writes a checkpoint.
 *
 * @returns false when the claim was lost to the calling thread
 */
export function writeCheckpoint(
  reason: CheckpointReason,
  ring: Ring,
  file: LogFile,
  claim: Claim,
  seal: Sealer,
): boolean {
  file.prepare(PLACEHOLDER);
  let checkpoint = seal.prepareCheckpoint(reason, file.inode, file.sizeBefore);
  file.prepare(checkpoint.line, false);
  while (checkpoint.inode !== file.inode) {
    checkpoint = seal.prepareCheckpoint(reason, file.inode, file.sizeBefore);
    file.prepare(checkpoint.line, false);
  }
  if (!claim.enter()) return false;
  try {
    noteFlight(ring.words, 0, file);
    seal.noteCheckpoint(checkpoint);
    file.write(checkpoint.line);
    seal.commitCheckpoint(checkpoint.line, file.inode);
    isWhole(ring.words);
  } finally {
    seal.giveUpCheckpoint();
    claim.leave();
  }
  seal.tell(checkpoint);
  return true;
}

/* Tells a successor, should this thread die inside `write`, where to look for what arrived. */
export function noteFlight(words: Int32Array, bytes: number, file: LogFile): void {
  storeNumber(words, FLIGHT_SIZE, file.sizeBefore);
  storeNumber(words, FLIGHT_INODE, file.inode);
  words[FLIGHT_BYTES] = bytes;
}

/** The file can be written. Before the lines leave the ring: who waits for them must not find one that still fails. */
export function isWhole(words: Int32Array): void {
  if (Atomics.load(words, FAILING) === 1) Atomics.store(words, FAILING, 0);
}
