/**
 * What has been converted already, so that nothing is read twice.
 *
 * A backup is one Parquet file, named by the backup's name, size, time of change and inode. A file that is still
 * written is converted in segments: what follows the last one is less than `SEGMENT`, and is read anew each time.
 *
 * The cache stands in the trail's own directory unless the user says otherwise: it holds the same records, so whoever
 * deletes, moves or protects the directory does it to both. What belongs to files that are gone is deleted.
 *
 * @module
 */
import { constants } from "node:fs";
import { access, mkdir, readdir, realpath, rm, stat, truncate } from "node:fs/promises";
import { basename, join } from "node:path";
import { isAlive } from "../../alive.js";
import { describeFile, findFiles, locate, type TrailFile } from "../files.js";
import type { ReadReport } from "../report.js";
import { convertedColumns } from "./columns.js";
import { firstLineHash, hashOf, isLasting, takePiece, unpack, writeParquet } from "./convert.js";
import type { Engine } from "./engine.js";
import { mended } from "./mend.js";

/** Other files where other columns are kept. */
const VERSION = hashOf(convertedColumns("", ""));
const SEGMENT = 8 << 20;
const ABANDONED_MS = 3_600_000;

/** Where the records of a file are to be read. */
export interface Parts {
  readonly converted: readonly string[];
  /** Lines. */
  readonly raw: readonly string[];
}

/** Of a file that cannot be read. */
export const NOTHING: Parts = { converted: [], raw: [] };

export interface Conversions {
  /** Files, or segments of files, that were read to convert them. */
  converted: number;
  convertedBytes: number;
  /** Those that were there. */
  reused: number;
}

export interface CacheContext {
  readonly engine: Engine;
  /** Of this process alone. */
  readonly temporary: string;
  readonly report?: ReadReport | undefined;
  readonly counts: Conversions;
}

/**
 * The folder of the converted files; made with mode 0700.
 *
 * @param chosen - the user's own, which may serve several trails
 * @returns undefined where it cannot be made, read or written: it may be another user's
 */
export async function cacheFolder(home: string, chosen: string | undefined): Promise<string | undefined> {
  const folder =
    chosen === undefined
      ? join(home, ".cache")
      : join(chosen, hashOf(await realpath(home).catch(() => home)));
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return folder;
  } catch {
    return undefined;
  }
}

/** Where to read a file's records; converts it first, unless that was done. */
export async function partsOf(found: TrailFile, folder: string, context: CacheContext): Promise<Parts> {
  // What was live may be a backup by now.
  const file = (await locate(found)) ?? found;
  return file.live && !file.gzip ? segmentsOf(found, folder, context) : backupOf(file, folder, context);
}

function backupName(file: TrailFile): string {
  const { path, size, changedAt, identity } = file;
  return `${basename(path)}.${hashOf(VERSION, basename(path), size, changedAt, identity)}.parquet`;
}

/** Told in the name, so that a damaged file is told of each time and not only when it is converted. */
const TORN = ".torn.parquet";

async function backupOf(found: TrailFile, folder: string, context: CacheContext): Promise<Parts> {
  const { engine, temporary, report, counts } = context;
  for (let attempt = 0; ; attempt += 1) {
    const file = (await locate(found)) ?? found;
    const target = join(folder, backupName(file));
    const torn = target.replace(/\.parquet$/u, TORN);
    if (await exists(torn)) report?.unread(file.path, new Error("damaged"));
    for (const path of [target, torn]) {
      if (!(await exists(path))) continue;
      counts.reused += 1;
      return { converted: [path], raw: [] };
    }
    const unpacked = file.gzip ? await unpack(file, temporary) : { path: file.path, error: undefined };
    if (unpacked.error !== undefined) report?.unread(file.path, new Error(unpacked.error));
    const made = unpacked.error === undefined ? target : torn;
    try {
      if (!isLasting(unpacked.error)) return NOTHING;
      await writeParquet(engine, unpacked.path, file.log, made, temporary);
    } catch (error) {
      // DuckDB opens it by its name, which it loses when it is compressed.
      const now = await locate(file);
      if (attempt > 2 || !now || now.path === file.path) throw error;
      continue;
    } finally {
      if (file.gzip) await rm(unpacked.path, { force: true });
    }
    counts.converted += 1;
    counts.convertedBytes += file.size;
    // A process that had not seen the rotation may have appended meanwhile: then the name is that of a file before.
    const after = await describeFile(file.path);
    if (attempt > 2 || !after || backupName(after) === basename(target))
      return { converted: [made], raw: [] };
    await rm(made, { force: true });
  }
}

async function segmentsOf(file: TrailFile, folder: string, context: CacheContext): Promise<Parts> {
  const prefix = await segmentPrefix(file);
  const segments = chain(await readdir(folder), prefix, file.size);
  const converted = segments.map(({ name }) => join(folder, name));
  context.counts.reused += converted.length;
  const from = segments.at(-1)?.to ?? 0;
  const { path, to } = await takePiece(file, from, context.temporary);
  if (to - from < SEGMENT) return { converted, raw: [await mended(path, context.temporary)] };
  // A record whose line is not ended yet is read with what follows it.
  await truncate(path, to - from);
  const target = join(folder, `${prefix}${from}-${to}.parquet`);
  await writeParquet(context.engine, path, file.log, target, context.temporary);
  await rm(path, { force: true });
  context.counts.converted += 1;
  context.counts.convertedBytes += to - from;
  const rest = await takePiece(file, to, context.temporary);
  return { converted: [...converted, target], raw: [await mended(rest.path, context.temporary)] };
}

async function segmentPrefix(file: TrailFile): Promise<string> {
  return `${file.log}.${hashOf(VERSION, file.identity, await firstLineHash(file))}.`;
}

interface Segment {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** Segments that follow each other from the file's beginning on; two processes may have made different ones. */
function chain(names: readonly string[], prefix: string, size: number): Segment[] {
  const found = names.flatMap((name): Segment[] => {
    const [, from, to] =
      (name.startsWith(prefix) && /^(\d+)-(\d+)\.parquet$/u.exec(name.slice(prefix.length))) || [];
    return from !== undefined && Number(to) <= size ? [{ name, from: Number(from), to: Number(to) }] : [];
  });
  const chained: Segment[] = [];
  for (let at = 0; ;) {
    const next = found.filter(({ from }) => from === at).toSorted((a, b) => b.to - a.to)[0];
    if (!next) return chained;
    chained.push(next);
    at = next.to;
  }
}

/**
 * Deletes what was converted from files that are not there any more: the cache keeps nothing longer than the trail.
 *
 * @param shown - what is asked now: files can be deleted, renamed and compressed while others are converted
 */
export async function prune(folder: string, home: string, shown: ReadonlySet<string>): Promise<void> {
  // Before the files: what another process converts meanwhile may be of a backup that is not among them.
  const names = await readdir(folder);
  const files = await findFiles(home).catch(() => []);
  const backups = new Set(files.map(backupName));
  const written = files.filter(({ live, gzip }) => live && !gzip);
  const prefixes = await Promise.all(written.map((file) => segmentPrefix(file).catch(() => undefined)));
  for (const name of names) {
    const path = join(folder, name);
    const needed =
      shown.has(path) ||
      backups.has(name.replace(TORN, ".parquet")) ||
      prefixes.some((prefix) => prefix !== undefined && name.startsWith(prefix));
    if (!needed && !(await inWork(name, path))) await rm(path, { force: true, recursive: true });
  }
}

/** What a process makes now: a folder with its number in the name, or a file that was changed lately. */
async function inWork(name: string, path: string): Promise<boolean> {
  if (name.endsWith(".parquet")) return false;
  const found = await stat(path).catch(() => undefined);
  if (found && Date.now() - found.mtimeMs < ABANDONED_MS) return true;
  const [, pid] = /^work-(\d+)-/u.exec(name) ?? [];
  return pid !== undefined && isAlive(Number(pid));
}

export async function areThere(paths: readonly string[]): Promise<boolean> {
  return (await Promise.all(paths.map(exists))).every(Boolean);
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
