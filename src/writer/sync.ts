/**
 * Brings files to the disk without stopping the calling thread.
 *
 * @module
 */
import { close, fsync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { fault } from "../health.js";
import { RETIRED } from "./protocol.js";

/** Rejects when the disk fails. A file that is not there any more needs nothing. */
export function syncPath(path: string): Promise<void> {
  return sync(path, ["ENOENT"]);
}

/** The same for a folder, so that the names in it survive too. One that may not be read cannot be synced. */
export function syncFolder(path: string): Promise<void> {
  return sync(path, ["ENOENT", "EACCES"]);
}

async function sync(path: string, unless: readonly string[]): Promise<void> {
  const file = await open(path, "r").catch((error: NodeJS.ErrnoException) => {
    if (unless.includes(error.code ?? "")) return undefined;
    throw error;
  });
  try {
    await file?.sync();
  } finally {
    await file?.close();
  }
}

async function syncAndClose(fd: number): Promise<void> {
  try {
    await promisify(fsync)(fd);
  } finally {
    close(fd, () => {});
  }
}

/** The files of a writer that have become backups, while they are brought to the disk. */
export class Retiring {
  /** Backups that the thread has told of, of those that it has counted in shared memory. */
  #heard = 0;
  readonly #syncing = new Set<Promise<void>>();

  /** @param words - of the ring that the thread writes from */
  constructor(private readonly words: Int32Array) {}

  /** A backup that this thread has made; its descriptor is closed too. */
  addOwn(fd: number): void {
    this.#add(syncAndClose(fd));
  }

  /** A backup of the thread's; without a path it has been deleted, or is on the disk already. */
  addTold(path: string | undefined): void {
    this.#heard += 1;
    if (path !== undefined) this.#add(syncPath(path));
  }

  /** Of a thread that is gone nothing more is heard. */
  threadLost(): void {
    this.#heard = Atomics.load(this.words, RETIRED);
  }

  /** Whether the thread has made a backup that its message has not told of yet. */
  get isBehind(): boolean {
    return this.#heard < Atomics.load(this.words, RETIRED);
  }

  async synced(): Promise<void> {
    await Promise.all(this.#syncing);
  }

  /* A fault of the disk costs no line: all stand in the file already. */
  #add(syncing: Promise<void>): void {
    const done: Promise<void> = syncing
      .catch((error: unknown) => fault("writer.disk", error))
      .then(() => void this.#syncing.delete(done));
    this.#syncing.add(done);
  }
}
