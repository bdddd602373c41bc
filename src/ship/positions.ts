/**
 * How far each file of a spool has been acknowledged by the server, kept beside the spool so that the next
 * process goes on there.
 *
 * A position is saved after the acknowledgement, never before: a crash between the two sends a batch again.
 *
 * @module
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";

export class Positions {
  readonly #byInode: Map<number, number>;

  constructor(private readonly path: string) {
    this.#byInode = read(path);
  }

  /** Bytes of the file that the server has. */
  of(inode: number): number {
    return this.#byInode.get(inode) ?? 0;
  }

  set(inode: number, bytes: number): void {
    this.#byInode.set(inode, bytes);
    this.#save();
  }

  /** Before the file is deleted: the system gives its inode to a new one, which would then be taken for sent. */
  forget(inode: number): void {
    if (this.#byInode.delete(inode)) this.#save();
  }

  /** Forgets files that somebody else has removed. */
  keepOnly(inodes: ReadonlySet<number>): void {
    const gone = [...this.#byInode.keys()].filter((inode) => !inodes.has(inode));
    for (const inode of gone) this.#byInode.delete(inode);
    if (gone.length > 0) this.#save();
  }

  /* By rename, so that a crash leaves the old positions or the new ones. */
  #save(): void {
    const partial = `${this.path}.part`;
    writeFileSync(partial, JSON.stringify(Object.fromEntries(this.#byInode)), { mode: 0o600 });
    renameSync(partial, this.path);
  }
}

/* A missing or unreadable file means that nothing is known to be sent: all is sent again, which does no harm. */
function read(path: string): Map<number, number> {
  try {
    const saved = JSON.parse(readFileSync(path, "utf8")) as Record<string, number>;
    return new Map(Object.entries(saved).map(([inode, bytes]) => [Number(inode), Number(bytes)]));
  } catch {
    return new Map();
  }
}
