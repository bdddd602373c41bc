/**
 * Looks after backups: compresses them, and deletes those beyond what is kept. Off the hot path, and never at
 * the same time in two processes.
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { fault, guarded } from "../health.js";
import type { Retired } from "../seal/retention.js";
import { readRetired } from "./seal/retired.js";
import { backupPattern } from "./backup-name.js";
import { type HeldLock, takeLock } from "./lock.js";
import { outside } from "./outside.js";
import type { FileSettings } from "./protocol.js";
import { lastChange, SETTLED_MS } from "./settled.js";
import { syncFolder } from "./sync.js";

const DAY_MS = 86_400_000;
/** How often it is looked for backups that are too old by now, with or without a rotation. */
const AGE_MS = 3_600_000;
/** How often the lock is told that its owner lives. */
const KEEP_MS = 5000;
/** What nobody has written to for so long, a killed process has left. */
const ABANDONED_MS = 3_600_000;

interface Backup {
  readonly path: string;
  readonly size: number;
  readonly writtenAt: number;
  /** When it was last written to, or renamed. */
  readonly changedAt: number;
}

export class Backups {
  #timer: NodeJS.Timeout | undefined;
  #ageing: NodeJS.Timeout | undefined;
  #running = false;
  #stopped = false;
  /** Deleted while there was no room for a line that tells of it: perhaps since the disk was full of backups. */
  #untold: Retired[] = [];

  /** @param tellRetired - false: there is no room for the line that tells of it */
  constructor(
    private readonly settings: FileSettings,
    private readonly graceMs = SETTLED_MS,
    private readonly tellRetired: (retired: Retired) => boolean = () => true,
    private readonly ageMs = AGE_MS,
  ) {}

  /** Tidies up some seconds from now. Does not keep the process alive; the next process goes on with it. */
  tidySoon(): void {
    const { gzip, keep } = this.settings;
    if (!gzip && keep.files === undefined && keep.bytes === undefined && keep.days === undefined) return;
    if (this.#stopped) return;
    if (keep.days !== undefined) this.#ageing ??= setInterval(() => this.tidySoon(), this.ageMs).unref();
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      outside(() => this.tidy()).catch((error: unknown) => outside(() => fault("writer.backups", error)));
    }, this.graceMs).unref();
  }

  /** For good: its file may have other settings by now, and nobody hears of a deleted backup any more. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#ageing);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async tidy(): Promise<void> {
    if (this.#running) return this.tidySoon();
    const lock = takeLockIfRoom(`${this.settings.path}.tidy.lock`);
    // Its owner may be killed over it, or know nothing of the newest backups.
    if (!lock) return this.tidySoon();
    this.#running = true;
    const alive = setInterval(() => guarded("writer.backups", () => lock.keep()), KEEP_MS).unref();
    try {
      if (lock === NO_ROOM) this.tidySoon();
      else if (this.settings.gzip) await this.#compress();
      await this.#delete(beyond(await this.#list(), this.settings.keep, Date.now()));
      if (this.#stopped) return;
      this.#untold = this.#untold.filter((retired) => !this.tellRetired(retired));
      if (this.#untold.length > 0) this.tidySoon();
    } finally {
      clearInterval(alive);
      lock.release();
      this.#running = false;
    }
  }

  async #compress(): Promise<void> {
    await this.#removeAbandoned();
    await this.#each(await this.#list(), async ({ path, changedAt }) => {
      if (path.endsWith(".gz")) return;
      if (Date.now() - changedAt < this.graceMs) this.tidySoon();
      else await compress(path, this.settings.mode);
    });
  }

  #delete(backups: readonly Backup[]): Promise<void> {
    return this.#each(backups, async ({ path }) => {
      // Before it is gone: who verifies the trail must not take it for missing.
      const retired = this.settings.seal && (await readRetired(path));
      if (this.#stopped) return;
      if (retired && !this.tellRetired(retired)) this.#untold.push(retired);
      await rm(path, { force: true });
    });
  }

  /* One that is damaged, or may not be read, stays, and keeps nobody from the others. */
  async #each(backups: readonly Backup[], work: (backup: Backup) => Promise<void>): Promise<void> {
    for (const backup of backups) {
      if (this.#stopped) return;
      await work(backup).catch((error: unknown) => fault("writer.backups", error));
    }
  }

  async #removeAbandoned(): Promise<void> {
    const folder = dirname(this.settings.path);
    const pattern = backupPattern(this.settings.path);
    for (const name of await readdir(folder)) {
      const [, backup = ""] = PARTIAL.exec(name) ?? [];
      if (!pattern.test(backup)) continue;
      const found = await describe(join(folder, name));
      if (found && Date.now() - found.writtenAt > ABANDONED_MS) await rm(found.path, { force: true });
    }
  }

  /** Newest first. */
  async #list(): Promise<Backup[]> {
    const folder = dirname(this.settings.path);
    const pattern = backupPattern(this.settings.path);
    const names = (await readdir(folder))
      .filter((name) => pattern.test(name))
      .toSorted()
      .toReversed();
    const found = await Promise.all(names.map((name) => describe(join(folder, name))));
    return found.filter((backup) => backup !== undefined);
  }
}

/* A disk that is full has no room for a lock, and all the more need of what is deleted: two that do so do no harm. */
const NO_ROOM: HeldLock = { keep: () => true, release() {} };

function takeLockIfRoom(path: string): HeldLock | undefined {
  try {
    return takeLock(path);
  } catch (error) {
    if (!["ENOSPC", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return NO_ROOM;
  }
}

/* Undefined when another process was faster. */
async function describe(path: string): Promise<Backup | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  return { path, size: found.size, writtenAt: Math.floor(found.mtimeMs), changedAt: lastChange(found) };
}

/** A backup that is being compressed. */
const PARTIAL = /^\.(.+)\.[0-9a-f]+\.gz$/u;

/**
 * Under another name first, so that there is never half a `.gz`. Two processes that compress the same backup, since
 * one has lost the lock, make the same file twice, each under a name of its own: in containers on one volume all have the same process id. A backup that has grown meanwhile stays, and is compressed again.
 * Its bytes and its name are brought to the disk before the backup is deleted, which a loss of power may do first.
 */
async function compress(path: string, mode: number): Promise<void> {
  const before = await describe(path);
  if (!before) return;
  const partial = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.gz`);
  try {
    const target = createWriteStream(partial, { mode, flush: true });
    await pipeline(createReadStream(path), createGzip(), target);
    const after = await describe(path);
    if (!after || after.size !== before.size) return;
    await rename(partial, `${path}.gz`);
    await syncFolder(dirname(path));
    await rm(path, { force: true });
  } finally {
    await rm(partial, { force: true });
  }
}

/** Those of `backups`, newest first, that no limit keeps. */
function beyond(backups: readonly Backup[], keep: FileSettings["keep"], now: number): Backup[] {
  const { files = Infinity, bytes = Infinity, days = Infinity } = keep;
  let total = 0;
  return backups.filter(({ size, writtenAt }, index) => {
    total += size;
    return index >= files || total > bytes || now - writtenAt > days * DAY_MS;
  });
}
