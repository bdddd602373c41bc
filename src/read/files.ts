/**
 * Finds the files of a trail: what is being written, and its backups, compressed or not, oldest first.
 *
 * @module
 */
import type { BigIntStats } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AuditError } from "../errors.js";
import { parseBackupName } from "../writer/backup-name.js";

/** One file of a trail, as it was when it was found. */
export interface TrailFile {
  readonly path: string;
  /** The file that is written: `audit.log`, also of its backups. */
  readonly log: string;
  /** A backup is not written any more, but for some moments after its rotation. */
  readonly live: boolean;
  readonly gzip: boolean;
  /** Of a backup, when it was rotated, as its name has it: `20261124T084100.123Z`. */
  readonly stamp: string | undefined;
  readonly size: number;
  /** Milliseconds since the epoch, with what the system knows below. */
  readonly changedAt: number;
  /** Device and inode: the same file under another name after its rotation. Compressed and deleted, it may be another's. */
  readonly identity: string;
  /** Of a live file, the stamp of its newest backup then, `""` for none: the first one after it is what this file became. */
  readonly newestBackup?: string;
}

export interface FindOptions {
  /** Only these: `["audit", "api.log"]`; the extension may be left out. Default: all. */
  readonly logs?: readonly string[] | undefined;
}

/** Files of other endings are found by their backups, or by their path. */
const LIVE = /\.(?:log|jsonl|ndjson)(?:\.gz)?$/u;

/**
 * The files of a trail: backups in the order of their rotation, then what is being written.
 *
 * @param where - a directory, or paths of files
 * @throws {AuditError} `AUDIT_TRAIL_MISSING`: there is no such directory or file, or none in it
 * @example
 * const files = await findFiles("audit_logs", { logs: ["audit"] });
 */
export async function findFiles(
  where: string | readonly string[],
  { logs }: FindOptions = {},
): Promise<TrailFile[]> {
  const places = typeof where === "string" ? [where] : where;
  const found = (await Promise.all(places.map((place) => filesAt(place)))).flat();
  const once = [...new Map(found.map((file) => [file.identity, file])).values()];
  const wanted = logs && new Set(logs.flatMap((name) => [name, `${name}.log`]));
  const files = wanted ? once.filter(({ log }) => wanted.has(log)) : once;
  if (files.length === 0) throw new AuditError("AUDIT_TRAIL_MISSING", [places.join(", "), "no log file"]);
  return files.toSorted(byAge);
}

/** A backup's stamp is the end of its records, so live files come last. */
function byAge(one: TrailFile, other: TrailFile): number {
  const [a, b] = [one.stamp ?? "~", other.stamp ?? "~"];
  if (a !== b) return a < b ? -1 : 1;
  return one.path < other.path ? -1 : 1;
}

async function filesAt(place: string): Promise<TrailFile[]> {
  const at = await stat(place).catch((error: NodeJS.ErrnoException) => {
    throw new AuditError("AUDIT_TRAIL_MISSING", [place, error.code ?? error.message]);
  });
  if (!at.isDirectory()) {
    const file = await describeFile(place);
    const beside = file?.live ? await namesIn(dirname(place)).catch(() => []) : [];
    return file ? amongBackups([file], beside) : [];
  }
  // Live files are looked at before the list is made, so that it has all that were rotated before them, however fast
  // they follow; a list that has not changed meanwhile says that nothing came between.
  let names = await namesIn(place);
  for (let attempt = 0; ; attempt += 1) {
    const before = names;
    const lives = await described(
      place,
      chosen(before).filter((name) => !parseBackupName(name)),
    );
    names = await namesIn(place);
    if (attempt > 9 || before.join("/") === names.join("/")) {
      const backups = chosen(names).filter((name) => parseBackupName(name));
      return [...amongBackups(lives, backups), ...(await described(place, backups))];
    }
  }
}

/** Of a file that was compressed since its name was read, the compressed one. */
async function described(directory: string, names: readonly string[]): Promise<TrailFile[]> {
  const files = await Promise.all(
    names.map(async (name) => {
      const path = join(directory, name);
      return (await describeFile(path)) ?? (name.endsWith(".gz") ? undefined : describeFile(`${path}.gz`));
    }),
  );
  return files.filter((file) => file !== undefined);
}

/** @param names - of the files beside them, sorted */
function amongBackups(files: readonly TrailFile[], names: readonly string[]): TrailFile[] {
  const backups = names.flatMap((name) => parseBackupName(name) ?? []);
  const newest = new Map(backups.map(({ log, stamp }) => [log, stamp]));
  return files.map((file) =>
    file.live && !file.gzip ? { ...file, newestBackup: newest.get(file.log) ?? "" } : file,
  );
}

async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory))
    .filter((name) => !name.startsWith(".") && !name.endsWith(".lock"))
    .toSorted();
}

/** Of the names in a directory, those of a trail's files. */
function chosen(names: readonly string[]): string[] {
  const lives = new Set(names.flatMap((name) => parseBackupName(name)?.log ?? []));
  const there = new Set(names);
  return names.filter((name) => {
    // For a moment after its compression a backup is there twice. The compressed one is whole, and stays.
    if (parseBackupName(name)) return !there.has(`${name}.gz`);
    return lives.has(name) || LIVE.test(name);
  });
}

/** Undefined where the file is gone, or is none: it was rotated or compressed meanwhile. */
export async function describeFile(path: string): Promise<TrailFile | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  if (!found?.isFile()) return undefined;
  const name = basename(path);
  const backup = parseBackupName(name);
  return {
    path,
    log: backup?.log ?? name.replace(/\.gz$/u, ""),
    live: !backup,
    gzip: name.endsWith(".gz"),
    stamp: backup?.stamp,
    size: Number(found.size),
    changedAt: Number(found.mtimeNs) / 1e6,
    identity: identityOf(found),
  };
}

export function identityOf({ dev, ino }: BigIntStats): string {
  return `${dev}:${ino}`;
}

/**
 * Where the file is now: under the same name, under that of its backup, or compressed.
 *
 * @returns undefined when it is gone for good
 */
export async function locate(file: TrailFile): Promise<TrailFile | undefined> {
  const same = await describeFile(file.path);
  // A backup's name is never given twice. Its inode is, once it was deleted or compressed: often to the next file.
  if (!file.live || file.gzip) return same ?? (file.gzip ? undefined : describeFile(`${file.path}.gz`));
  const became = await backupOf(file);
  if (became?.gzip || became?.identity === file.identity) return became;
  if (same?.identity === file.identity) return same;
  const siblings = await filesAt(dirname(file.path)).catch(() => []);
  const isSame = ({ log, gzip, identity }: TrailFile) =>
    log === file.log && !gzip && identity === file.identity;
  // A file that was renamed meanwhile is there twice, last as what it is now.
  return siblings.findLast(isSame) ?? describeFile(`${file.path}.gz`);
}

/**
 * The backup that a live file has become. By its place among the others: a compressed one has another inode, and a live file
 * that began later may have this one's.
 */
async function backupOf({ path, log, newestBackup }: TrailFile): Promise<TrailFile | undefined> {
  if (newestBackup === undefined) return undefined;
  const folder = dirname(path);
  const next = chosen(await namesIn(folder).catch(() => [])).find((name) => {
    const backup = parseBackupName(name);
    return backup?.log === log && backup.stamp > newestBackup;
  });
  const [found] = next === undefined ? [] : await described(folder, [next]);
  return found;
}
