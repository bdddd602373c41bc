/**
 * Finds out how much of a batch had reached the file when the thread that wrote it died.
 *
 * @module
 */
import { closeSync, constants, fchmodSync, fstatSync, openSync, readSync } from "node:fs";
import {
  FLIGHT_BYTES,
  FLIGHT_INODE,
  FLIGHT_SIZE,
  loadNumber,
  READ_AT,
  type FileSettings,
} from "./protocol.js";
import { batchOf } from "./entry.js";
import type { Formats } from "./formats.js";
import type { Ring } from "./ring.js";
import { pathOfInode } from "./rotate.js";
import type { Sealer } from "./seal/sealer.js";

const NEWLINE = 10;

/** Takes those lines of the batch in flight out of the ring that stand in the file, so that none is written twice. */
export function settleFlight(ring: Ring, settings: FileSettings, formats: Formats, seal?: Sealer): void {
  const flight = ring.words[FLIGHT_BYTES] ?? 0;
  ring.words[FLIGHT_BYTES] = 0;
  // Before `peek`, which goes to the front of the ring when it finds its end.
  const readAt = Atomics.load(ring.words, READ_AT);
  const entries = flight > 0 ? ring.peek(ring.capacity)?.subarray(0, flight) : undefined;
  if (!entries && !seal?.hasNote) return;
  const inode = loadNumber(ring.words, FLIGHT_INODE);
  const path = pathOfInode(settings.path, inode);
  const region = path ? readFrom(path, loadNumber(ring.words, FLIGHT_SIZE), settings.mode) : Buffer.alloc(0);
  seal?.settleCheckpoint(region, inode);
  const batch = entries && batchOf(entries, formats.of);
  if (!batch) return;
  const { lines } = batch;
  const done = seal ? seal.settle(lines, readAt, region, arrivedBytes) : arrivedBytes(lines, region);
  if (done > 0) ring.consume(batch.entryBytes(done));
}

function readFrom(path: string, start: number, mode: number): Buffer {
  const fd = openSync(path, constants.O_RDWR);
  try {
    // Changing the mode takes the lock that `write` holds in the kernel: a `write` still under way ends first.
    fchmodSync(fd, mode);
    const region = Buffer.alloc(Math.max(fstatSync(fd).size - start, 0));
    return region.subarray(0, readSync(fd, region, 0, region.length, start));
  } finally {
    closeSync(fd);
  }
}

/** How many bytes of `lines`, in whole lines, stand in `region`. Other writers' lines may stand before them. */
function arrivedBytes(lines: Buffer, region: Buffer): number {
  const at = region.indexOf(lines.subarray(0, lines.indexOf(NEWLINE) + 1));
  if (at < 0) return 0;
  const found = region.subarray(at, at + lines.length);
  let same = 0;
  while (same < found.length && found[same] === lines[same]) same += 1;
  return lines.subarray(0, same).lastIndexOf(NEWLINE) + 1;
}
