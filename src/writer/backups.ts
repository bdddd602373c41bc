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
import { fault } from "../health.js";
import { readRetired, type Retired } from "./seal/retired.js";
import { backupPattern } from "./backup-name.js";
import type { FileSettings } from "./protocol.js";
import { syncFolder } from "./sync.js";

/** A process that has not seen the rotation yet may append to a backup for a moment. */
const GRACE_MS = 5000;
const DAY_MS = 86_400_000;
/** What nobody has written to for so long, a killed process has left. */
const ABANDONED_MS = 3_600_000;

interface Backup {
  readonly path: string;
  readonly size: number;
  readonly changedAt: number;
}

export class Backups {
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  constructor(
    private readonly settings: FileSettings,
    private readonly graceMs = GRACE_MS,
    private readonly tellRetired: (retired: Retired) => void = () => {},
  ) {}

  /** Tidies up some seconds from now. Does not keep the process alive; the next process goes on with it. */
  tidySoon(): void {
    const { gzip, keep } = this.settings;
    if (!gzip && keep.files === undefined && keep.bytes === undefined && keep.days === undefined) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.tidy().catch((error: unknown) => fault("writer.backups", error));
    }, this.graceMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async tidy(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      if (this.settings.gzip) await this.#compress();
      for (const { path } of beyond(await this.#list(), this.settings.keep, Date.now())) {
        // Before it is gone: who verifies the trail must not take it for missing.
        if (this.settings.seal) this.tellRetired(await readRetired(path));
        await rm(path, { force: true });
      }
    } finally {
      this.#running = false;
    }
  }

  async #compress(): Promise<void> {
    await this.#removeAbandoned();
    for (const { path, changedAt } of await this.#list()) {
      if (path.endsWith(".gz")) continue;
      if (Date.now() - changedAt < this.graceMs) this.tidySoon();
      else await compress(path, this.settings.mode);
    }
  }

  async #removeAbandoned(): Promise<void> {
    const folder = dirname(this.settings.path);
    const pattern = backupPattern(this.settings.path);
    for (const name of await readdir(folder)) {
      const [, backup = ""] = PARTIAL.exec(name) ?? [];
      if (!pattern.test(backup)) continue;
      const found = await describe(join(folder, name));
      if (found && Date.now() - found.changedAt > ABANDONED_MS) await rm(found.path, { force: true });
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

/* Undefined when another process was faster. */
async function describe(path: string): Promise<Backup | undefined> {
  const found = await stat(path).catch(() => undefined);
  return found && { path, size: found.size, changedAt: found.mtimeMs };
}

/** A backup that is being compressed. */
const PARTIAL = /^\.(.+)\.[0-9a-f]+\.gz$/u;

/**
 * Under another name first, so that there is never half a `.gz`. Two processes that compress the same backup make
 * the same file twice, each under a name of its own: in containers on one volume all have the same process id. A backup that has grown meanwhile stays, and is compressed again.
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
  return backups.filter(({ size, changedAt }, index) => {
    total += size;
    return index >= files || total > bytes || now - changedAt > days * DAY_MS;
  });
}
