/**
 * What is in a backup that is about to be deleted: how far each chain goes in it, so that the trail can say that these
 * lines were deleted on purpose.
 *
 * @module
 */
import { createReadStream } from "node:fs";
import { basename } from "node:path";
import { createGunzip } from "node:zlib";
import { readSeal } from "../../seal/line.js";

const NEWLINE = 10;

/** A backup that is beyond what is kept. */
export interface Retired {
  readonly file: string;
  readonly lines: number;
  /** The last line of each chain in it. */
  readonly chains: readonly { readonly chain: string; readonly to: number; readonly hash: string }[];
}

/** Reads a backup from end to end, some milliseconds of the event loop a megabyte. */
export async function readRetired(path: string): Promise<Retired> {
  const packed = createReadStream(path, { highWaterMark: 1 << 18 });
  const chunks = path.endsWith(".gz") ? packed.pipe(createGunzip()) : packed;
  packed.on("error", (error) => chunks.destroy(error));
  const chains = new Map<string, { to: number; hash: string }>();
  let lines = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const seal = readSeal(bytes, start, end);
      if (seal) chains.set(seal.chain, { to: seal.seq, hash: seal.hash });
      lines += 1;
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
  }
  return { file: basename(path), lines, chains: [...chains].map(([chain, end]) => ({ chain, ...end })) };
}
