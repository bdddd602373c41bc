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
import { claimsRetention, readRetention, type Retired, type RetiredChain } from "../../seal/retention.js";

const NEWLINE = 10;

/** Of chains that earlier backups were told of with, so many go on being told of, the newest. */
const MAX_EARLIER = 500;

/** Reads a backup from end to end, some milliseconds of the event loop a megabyte. */
export async function readRetired(path: string): Promise<Retired> {
  const packed = createReadStream(path, { highWaterMark: 1 << 18 });
  const chunks = path.endsWith(".gz") ? packed.pipe(createGunzip()) : packed;
  packed.on("error", (error) => chunks.destroy(error));
  const chains = new Map<string, RetiredChain>();
  const earlier = new Map<string, RetiredChain>();
  let lines = 0;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk as Buffer]) : (chunk as Buffer);
    let start = 0;
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, start)) {
      const seal = readSeal(bytes, start, end);
      if (seal) {
        const { chain, seq: to, hash } = seal;
        chains.set(chain, { chain, to, hash });
        addRetention(earlier, bytes.subarray(start, end));
      }
      lines += 1;
      start = end + 1;
    }
    rest = Buffer.from(bytes.subarray(start));
  }
  for (const chain of chains.keys()) earlier.delete(chain);
  return {
    file: basename(path),
    lines,
    chains: [...[...earlier.values()].slice(-MAX_EARLIER), ...chains.values()],
  };
}

/* The last one told of comes last. */
function addRetention(earlier: Map<string, RetiredChain>, line: Buffer): void {
  if (!claimsRetention(line)) return;
  for (const told of readRetention(line)?.chains ?? []) {
    earlier.delete(told.chain);
    earlier.set(told.chain, told);
  }
}
