/**
 * Lines of a file of any size, as bytes, with their places.
 *
 * @module
 */
import { open, type FileHandle } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { identityOf, locate, type TrailFile } from "./files.js";
import type { ReadReport } from "./report.js";

/** One line, without its line break. */
export interface Line {
  readonly bytes: Buffer;
  /** Of its first byte; in compressed files, of what was compressed. */
  readonly offset: number;
  /** Counted from 1. */
  readonly number: number;
  /** `unended`: the file ends before the line does. `too long`: only its beginning is here. */
  readonly fault?: "unended" | "too long";
}

export interface LineOptions {
  /** Byte to begin at, which must be the first of a line; only for files that are not compressed. Default 0. */
  readonly from?: number;
  /** Gets what could not be read. */
  readonly report?: ReadReport | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CHUNK = 1 << 20;
/** Beyond what any writer of ours can write; a file without line breaks must not fill the memory. */
const MAX_LINE = 64 << 20;
const NEWLINE = 10;

/**
 * The lines of a file, in batches: an `await` for each line would cost more than reading it.
 *
 * A file that was rotated or compressed since it was found is found again. What cannot be read ends the lines, and is
 * told in `report`.
 *
 * @example
 * for await (const lines of readLines(file)) for (const { bytes } of lines) { … }
 */
export async function* readLines(file: TrailFile, options: LineOptions = {}): AsyncGenerator<Line[]> {
  const { report } = options;
  try {
    const { handle, gzip } = await openFile(file);
    if (report) report.files += 1;
    try {
      const chunks = gzip ? unpacked(handle) : chunksOf(handle, options.from ?? 0);
      yield* split(chunks, options);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!report || options.signal?.aborted) throw error;
    report.unread(file.path, error);
  }
}

/** Opens a file where it is now: rotations rename it, and backups are compressed. */
export async function openFile(
  file: TrailFile,
): Promise<{ handle: FileHandle; gzip: boolean; path: string }> {
  for (let attempt = 0; ; attempt += 1) {
    const now = await locate(file);
    const path = now?.path ?? file.path;
    try {
      const handle = await open(path);
      const identity = identityOf(await handle.stat({ bigint: true }));
      // Renamed between the look and the opening, by a rotation: look again.
      if (!now || identity === now.identity || attempt > 9) {
        return { handle, gzip: path.endsWith(".gz"), path };
      }
      await handle.close();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt > 9) throw error;
    }
  }
}

async function* chunksOf(handle: FileHandle, from: number): AsyncGenerator<Buffer> {
  for (let at = from; ;) {
    // Lines are views of this buffer, and their readers may keep them: it cannot be used twice.
    const buffer = Buffer.allocUnsafeSlow(CHUNK);
    const { bytesRead } = await handle.read(buffer, 0, CHUNK, at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function* unpacked(handle: FileHandle): AsyncGenerator<Buffer> {
  const packed = handle.createReadStream({ autoClose: false, highWaterMark: 1 << 18 });
  const gunzip = createGunzip({ chunkSize: CHUNK });
  packed.on("error", (error) => gunzip.destroy(error));
  try {
    for await (const chunk of packed.pipe(gunzip)) yield chunk as Buffer;
  } finally {
    gunzip.destroy();
    packed.destroy();
  }
}

async function* split(chunks: AsyncIterable<Buffer>, options: LineOptions): AsyncGenerator<Line[]> {
  const { from = 0, report, signal } = options;
  let number = 0;
  let offset = from;
  /** The beginning of a line whose end is in a chunk to come. */
  let begun: Buffer[] = [];
  let begunBytes = 0;
  let keptBytes = 0;
  const keep = (part: Buffer) => {
    begunBytes += part.length;
    if (begunBytes > MAX_LINE) return;
    keptBytes += part.length;
    begun.push(part);
  };
  const line = (fault?: Line["fault"]): Line => {
    number += 1;
    const bytes = begun.length === 1 ? begun[0]! : Buffer.concat(begun);
    const found = fault ?? (keptBytes < begunBytes ? "too long" : undefined);
    const made = { bytes, offset, number, ...(found && { fault: found }) };
    offset += begunBytes + 1;
    begun = [];
    begunBytes = keptBytes = 0;
    return made;
  };
  const count = (lines: Line[], bytes: number) => {
    if (!report) return;
    report.lines += lines.length;
    report.bytes += bytes;
  };

  for await (const chunk of chunks) {
    signal?.throwIfAborted();
    const lines: Line[] = [];
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      keep(chunk.subarray(start, end));
      lines.push(line());
      start = end + 1;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
    count(lines, chunk.length);
    if (lines.length > 0) yield lines;
  }
  if (begunBytes > 0) {
    const last = [line("unended")];
    count(last, 0);
    yield last;
  }
}
