/**
 * Follows a trail while it is written: through rotations, and into logs that begin later.
 *
 * @module
 */
import { open, type FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { findFiles, locate, type FindOptions, type TrailFile } from "./files.js";
import { matcher } from "./filter.js";
import { readLines } from "./lines.js";
import { recordOf, type LogRecord, type ReadOptions } from "./records.js";

export interface FollowOptions extends ReadOptions, FindOptions {
  /** The files that are known, which are followed from `ends`; others are read from their beginning. */
  readonly known?: readonly TrailFile[];
  /** By `identity`, the byte to go on from. */
  readonly ends?: ReadonlyMap<string, number>;
  /** How often to look, in milliseconds. Default 200: a look costs one `readdir` and one `stat` a file. */
  readonly everyMs?: number;
}

/** A process that has not seen a rotation yet appends to the old file for a moment. */
const DRAIN_MS = 10_000;
const CHUNK = 1 << 18;
const NEWLINE = 10;

/**
 * New records, in batches, as they come to the files; ends only by `signal`.
 *
 * Looks instead of waiting for events: those do not come from volumes of other machines.
 *
 * @param where - a directory, or paths of files
 */
export async function* follow(
  where: string | readonly string[],
  options: FollowOptions = {},
): AsyncGenerator<LogRecord[]> {
  const { known = [], ends, everyMs = 200, signal } = options;
  const match = matcher(options.filter);
  const followed = new Map<string, Followed>();
  const seen = new Set(known.flatMap(namesOf));
  try {
    for (const file of known.filter(({ live }) => live)) {
      const one = await Followed.open(file, ends?.get(file.identity) ?? file.size);
      if (one) followed.set(file.identity, one);
    }
    for (;;) {
      const files = await findFiles(where, options).catch(() => []);
      // What was rotated is read to its end before what came after it.
      for (const one of followed.values()) yield* batch(await one.more());
      for (const file of files) {
        const names = namesOf(file);
        const isNew = !names.some((name) => seen.has(name));
        for (const name of names) seen.add(name);
        if (!isNew) continue;
        if (file.gzip) yield* batch(await unpacked(file, followed.values()));
        else {
          const one = await Followed.open(file, 0);
          if (one) followed.set(file.identity, one);
          if (one) yield* batch(await one.more());
        }
      }
      const live = new Set(files.filter((file) => file.live).map(({ identity }) => identity));
      for (const [identity, one] of followed) {
        if (live.has(identity) || !one.drained()) continue;
        followed.delete(identity);
        await one.close();
      }
      if (signal?.aborted) return;
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal?.aborted) return;
    }
  } finally {
    await Promise.all([...followed.values()].map((one) => one.close()));
  }

  function batch(lines: Buffer[]): LogRecord[][] {
    const records = lines.map((line) => recordOf(line, match)).filter((record) => record !== undefined);
    return records.length > 0 ? [records] : [];
  }
}

/** By which a file is known again: its inode, and of a backup, which is compressed into another one, its name. */
function namesOf({ identity, live, path }: TrailFile): string[] {
  return live ? [identity] : [identity, path.replace(/\.gz$/u, "")];
}

/**
 * A backup that was compressed before it was seen: what is followed under its first inode is not read again.
 * They are the same file if they begin with the same line.
 */
async function unpacked(file: TrailFile, followed: Iterable<Followed>): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const lines of readLines(file)) all.push(...lines.map(({ bytes }) => bytes));
  const [first] = all;
  for (const one of followed) if (first && (await one.beginsWith(first))) return [];
  return all;
}

/** A file that is held open, so that neither its rotation nor its deletion takes it away. */
class Followed {
  #rest = Buffer.alloc(0);
  #grownAt = Date.now();

  private constructor(
    private readonly handle: FileHandle,
    private at: number,
  ) {}

  static async open(file: TrailFile, from: number): Promise<Followed | undefined> {
    const now = await locate(file);
    const handle = now && !now.gzip && (await open(now.path).catch(() => undefined));
    return handle ? new Followed(handle, from) : undefined;
  }

  /** The whole lines that have come since. */
  async more(): Promise<Buffer[]> {
    const lines: Buffer[] = [];
    // Cut to nothing by a rotation of another kind (`copytruncate`).
    if ((await this.handle.stat()).size < this.at) {
      this.at = 0;
      this.#rest = Buffer.alloc(0);
    }
    for (;;) {
      const { bytesRead, buffer } = await this.handle.read(Buffer.alloc(CHUNK), 0, CHUNK, this.at);
      if (bytesRead === 0) return lines;
      this.at += bytesRead;
      this.#grownAt = Date.now();
      const bytes = Buffer.concat([this.#rest, buffer.subarray(0, bytesRead)]);
      const whole = bytes.lastIndexOf(NEWLINE) + 1;
      this.#rest = bytes.subarray(whole);
      for (let begin = 0; begin < whole;) {
        const end = bytes.indexOf(NEWLINE, begin);
        lines.push(bytes.subarray(begin, end));
        begin = end + 1;
      }
    }
  }

  drained(): boolean {
    return Date.now() - this.#grownAt > DRAIN_MS;
  }

  async beginsWith(line: Buffer): Promise<boolean> {
    const begin = Buffer.alloc(line.length);
    await this.handle.read(begin, 0, begin.length, 0);
    return begin.equals(line);
  }

  close(): Promise<void> {
    return this.handle.close();
  }
}
