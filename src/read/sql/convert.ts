/**
 * A file's lines as Parquet, and parts of files as files of their own.
 *
 * @module
 */
import { createHash, randomBytes } from "node:crypto";
import { chmod, open, rename, rm, type FileHandle } from "node:fs/promises";
import type { TrailFile } from "../files.js";
import { openFile, readLines } from "../lines.js";
import { parseRecord } from "../records.js";
import { ReadReport } from "../report.js";
import { mended } from "./mend.js";
import { convertedColumns, linesOf, IS_RECORD } from "./columns.js";
import { literal, type Engine } from "./engine.js";
import { temporaryIn } from "./temporary.js";

/* Of records of 1 KB some 20 MB: what one thread holds while it writes. */
const ROWS_AT_ONCE = 20_480;
const CHUNK = 1 << 20;
const NEWLINE = 10;

/**
 * Converts the lines of `source` into `target`.
 *
 * Under another name first: there is never half a file, whoever is stopped or does the same at the same time.
 *
 * @param temporary - a folder for what is mended
 */
export async function writeParquet(
  engine: Engine,
  source: string,
  log: string,
  target: string,
  temporary: string,
): Promise<void> {
  const partial = `${target}.${process.pid}-${randomBytes(4).toString("hex")}.part`;
  const options = `FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${ROWS_AT_ONCE}`;
  const copy = (from: string) =>
    engine.run(`COPY (${convertedColumns(linesOf([from]), log)}) TO ${literal(partial)} (${options})`);
  try {
    await copy(source);
    const whole = (await refusedLines(engine, partial)) ? await mended(source, temporary) : source;
    if (whole !== source) {
      await copy(whole);
      await rm(whole, { force: true });
    }
    await chmod(partial, 0o600);
    await rename(partial, target);
  } finally {
    await rm(partial, { force: true });
  }
}

async function refusedLines(engine: Engine, parquet: string): Promise<boolean> {
  const { batches } = await engine.rows(
    `SELECT count(*) FROM read_parquet(${literal(parquet)}) WHERE NOT (${IS_RECORD})`,
  );
  for await (const [row] of batches()) return row![0] !== 0;
  return false;
}

/** Whether what came in the way of `unpack`, if anything did, is damage: what could not be opened can be the next time. */
export function isLasting(error: string | undefined): boolean {
  return error === undefined || error.startsWith("Z_");
}

/** A compressed file as it was before, as far as it can be read, and what came in the way. */
export async function unpack(
  file: TrailFile,
  folder: string,
): Promise<{ path: string; error: string | undefined }> {
  const path = temporaryIn(folder);
  const report = new ReadReport();
  const target = await open(path, "wx", 0o600);
  try {
    for await (const lines of readLines(file, { report })) {
      await target.write(Buffer.concat(lines.flatMap(({ bytes }) => [bytes, LINE_BREAK])));
    }
  } finally {
    await target.close();
  }
  return { path, error: report.unreadable[0]?.why };
}

const LINE_BREAK = Buffer.from("\n");

/** The whole lines of a file from a byte on. */
export interface Piece {
  readonly path: string;
  /** Where its lines end in the file that it was taken from. */
  readonly to: number;
}

/**
 * Takes the whole lines from `from` on into a file of their own: what is written, rotated or deleted meanwhile
 * cannot come between. A last line that is not ended is taken too, if it is a whole record.
 */
export async function takePiece(file: TrailFile, from: number, folder: string): Promise<Piece> {
  const path = temporaryIn(folder);
  const { handle } = await openFile(file);
  const target = await open(path, "wx+", 0o600);
  try {
    let at = from;
    let to = from;
    for (const end = file.size; at < end;) {
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(CHUNK), 0, Math.min(CHUNK, end - at), at);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      await target.write(bytes, 0, bytesRead, at - from);
      const last = bytes.lastIndexOf(NEWLINE);
      if (last !== -1) to = at + last + 1;
      at += bytesRead;
    }
    if (!(await endsWhole(target, to - from, at - from))) await target.truncate(to - from);
    return { path, to };
  } finally {
    await Promise.all([handle.close(), target.close()]);
  }
}

/* Half lines are short: at most what one write of a writer has. */
const MAX_REST = 64 << 20;

async function endsWhole(target: FileHandle, from: number, to: number): Promise<boolean> {
  if (to === from || to - from > MAX_REST) return to === from;
  const rest = Buffer.alloc(to - from);
  await target.read(rest, 0, rest.length, from);
  return parseRecord(rest.toString()) !== undefined;
}

/** Tells a file that is being written from another one that got its inode. */
export async function firstLineHash(file: TrailFile): Promise<string> {
  for await (const [first] of readLines(file)) return hashOf(first!.bytes.toString("latin1"));
  return "";
}

/** Short, for names of files. */
export function hashOf(...parts: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 16);
}
