/**
 * Follows a trail while it is written: through rotations, and into logs that begin later.
 *
 * @module
 */
import type { FileHandle } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { findFiles, identityOf, type FindOptions, type TrailFile } from "./files.js";
import { matcher, type RecordFilter } from "./filter.js";
import { openFile, readLines } from "./lines.js";
import { recordOf, type LogRecord } from "./records.js";
import type { UnreadFile } from "./report.js";

export interface FollowOptions extends FindOptions {
  readonly filter?: RecordFilter | undefined;
  /** The files that are known, which are followed from `ends`; others are read from their beginning. */
  readonly known?: readonly TrailFile[];
  /** By `identity`, the byte to go on from. */
  readonly ends?: ReadonlyMap<string, number>;
  /** How often to look, in milliseconds. Default 200: a look costs one `readdir` and one `stat` a file. */
  readonly everyMs?: number;
  /** Told once of each file that cannot be opened; it is tried again with every look. */
  readonly unread?: (file: UnreadFile) => void;
  readonly signal?: AbortSignal | undefined;
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
  const followed = new Followed();
  // A backup's name is never given twice. Its inode is, once it was deleted: often to the file that is begun next.
  const ended = new Set(known.filter(hasEnded).map(nameOf));
  const told = new Set<string>();
  try {
    for (const file of known.filter((one) => !hasEnded(one))) {
      yield* batch(await begun(file, ends?.get(file.identity) ?? file.size));
    }
    for (;;) {
      const files = await findFiles(where, options).catch(() => undefined);
      // What was rotated is read to its end before what came after it.
      for (const one of followed.all()) yield* batch(await one.more());
      for (const file of files ?? []) {
        const isKnown = followed.has(file.identity) || (hasEnded(file) && ended.has(nameOf(file)));
        if (!isKnown) yield* batch(await begun(file, 0));
        else if (hasEnded(file)) ended.add(nameOf(file));
      }
      if (files) await followed.closeDrained(files);
      if (signal?.aborted) return;
      await sleep(everyMs, undefined, { signal }).catch(() => undefined);
      if (signal?.aborted) return;
    }
  } finally {
    await followed.close();
  }

  /** The lines that a file has already, from a byte on. What cannot be opened now is met again by the next look. */
  async function begun(file: TrailFile, from: number): Promise<Buffer[]> {
    try {
      return file.gzip ? await unpacked(file, from) : await opened(file, from);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Deleted, or rotated faster than it could be opened.
      if (code === "ENOENT" || told.has(file.path)) return [];
      told.add(file.path);
      options.unread?.({ path: file.path, why: code ?? message });
      return [];
    }
  }

  async function opened(file: TrailFile, from: number): Promise<Buffer[]> {
    const { handle, gzip, path } = await openFile(file);
    const identity = identityOf(await handle.stat({ bigint: true }));
    // Compressed between the look and the opening.
    if (gzip) {
      await handle.close();
      return unpacked({ ...file, path, gzip, identity }, from);
    }
    // Only what is held open is sure to be the file that was found.
    const one = new FollowedFile(handle, identity === file.identity ? from : 0);
    const lines = await (await followed.add(identity, one)).more();
    if (hasEnded(file)) ended.add(nameOf(file));
    return lines;
  }

  /**
   * A backup that was compressed before it was seen: what is followed under its first inode is not read again. They are
   * the same file if they begin with the same line.
   */
  async function unpacked(file: TrailFile, from: number): Promise<Buffer[]> {
    const all: Buffer[] = [];
    let first: Buffer | undefined;
    for await (const lines of readLines(file)) {
      first ??= lines[0]?.bytes;
      all.push(...lines.filter(({ offset }) => offset >= from).map(({ bytes }) => bytes));
    }
    ended.add(nameOf(file));
    for (const one of followed.all()) if (first && (await one.beginsWith(first))) return [];
    return all;
  }

  function batch(lines: Buffer[]): LogRecord[][] {
    const records = lines.map((line) => recordOf(line, match)).filter((record) => record !== undefined);
    return records.length > 0 ? [records] : [];
  }
}

/** Is not written any more, but for some moments. */
function hasEnded({ live, gzip }: TrailFile): boolean {
  return !live || gzip;
}

/** By which a file that has ended is known again: compressing it makes another one. */
function nameOf({ path }: TrailFile): string {
  return path.replace(/\.gz$/u, "");
}

/** The files that are held open. While one is, no other gets its inode. */
class Followed {
  readonly #files = new Map<string, FollowedFile>();

  has(identity: string): boolean {
    return this.#files.has(identity);
  }

  all(): FollowedFile[] {
    return [...this.#files.values()];
  }

  async add(identity: string, file: FollowedFile): Promise<FollowedFile> {
    const before = this.#files.get(identity);
    if (before) await file.close();
    else this.#files.set(identity, file);
    return before ?? file;
  }

  /** Lets go of what was rotated and has not grown since. */
  async closeDrained(files: readonly TrailFile[]): Promise<void> {
    const live = new Set(files.filter((file) => file.live).map(({ identity }) => identity));
    for (const [identity, one] of this.#files) {
      if (live.has(identity) || !one.isDrained()) continue;
      this.#files.delete(identity);
      await one.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.all().map((one) => one.close()));
  }
}

/** A file that is held open, so that neither its rotation nor its deletion takes it away. */
class FollowedFile {
  #rest = Buffer.alloc(0);
  #grownAt = Date.now();
  #endedAt: number | undefined;

  constructor(
    private readonly handle: FileHandle,
    private at: number,
  ) {}

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

  /** Asked of what is not live. */
  isDrained(): boolean {
    this.#endedAt ??= Date.now();
    return Date.now() - Math.max(this.#endedAt, this.#grownAt) > DRAIN_MS;
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
