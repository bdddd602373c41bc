/**
 * File systems of a spec's own, for what a disk does that a folder cannot: fill up, become read-only.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

function mount(...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync("mount", args, { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr);
}

/** Mounts a tmpfs with `options` over a folder; throws when that is not allowed. */
export function mountOver(folder: string, options: string): () => void {
  const refused = mount("-t", "tmpfs", "-o", options, "none", folder);
  if (refused !== undefined) throw new Error(refused);
  return () => void spawnSync("umount", ["-l", folder]);
}

/** Gives `work` the folder of a tmpfs of `size` bytes, which is gone afterwards. */
export async function onDisk(size: number, work: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "audit-disk-"));
  const unmount = mountOver(folder, `size=${size}`);
  try {
    await work(folder);
  } finally {
    unmount();
    rmdirSync(folder);
  }
}

/** Why no file system can be mounted here: the reason to skip. In CI a spec must not be skipped. */
export function cannotMount(): string | false {
  if (process.getuid?.() === 0 || process.env.CI) return false;
  return "only root may mount a file system";
}
