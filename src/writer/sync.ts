/**
 * Brings a file to the disk without stopping the calling thread.
 *
 * @module
 */
import { close, fsync } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { fault } from "../health.js";

export async function syncPath(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** For a backup. Never rejects: its lines are in it already, or, compressed, in another. */
export async function syncBackup(path: string): Promise<void> {
  try {
    await syncPath(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") fault("writer.disk", error);
  }
}

/** For a descriptor that nobody writes to any more. Never rejects: its lines are in the file already. */
export async function syncAndClose(fd: number): Promise<void> {
  try {
    await promisify(fsync)(fd);
  } catch (error) {
    fault("writer.disk", error);
  } finally {
    close(fd, () => {});
  }
}
