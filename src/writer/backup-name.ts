/**
 * How backups are named. The reading side finds them by the same pattern, and shares nothing else with the writer.
 *
 * @module
 */
import { basename, dirname, extname, join } from "node:path";

const STAMP = String.raw`\d{8}T\d{6}\.\d{3}Z`;
const UNIQUE = "[0-9a-f]{8}";
const ANY_BACKUP = new RegExp(`^(?<name>.+)-(?<stamp>${STAMP})-${UNIQUE}(?<extension>\\.[^.]+)?$`, "u");

/**
 * `audit.log` → `audit-20261124T084100.123Z-1f3a9c2b.log`: sorts by time, and is matched by `audit*.log`.
 *
 * @param unique - eight lower-case hex digits
 */
export function backupPath(path: string, now: number, unique: string): string {
  const extension = extname(path);
  const stamp = new Date(now).toISOString().replace(/[-:]/g, "");
  return join(dirname(path), `${basename(path, extension)}-${stamp}-${unique}${extension}`);
}

/** Matches the file names of backups of `path`; compressed ones too. */
export function backupPattern(path: string): RegExp {
  const extension = extname(path);
  const [name, end] = [basename(path, extension), extension].map((text) =>
    text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"),
  );
  return new RegExp(`^${name}-${STAMP}-${UNIQUE}${end}(\\.gz)?$`);
}

/** The file that a backup was, and the time of its rotation as the name has it; undefined for other names. */
export function parseBackupName(name: string): { log: string; stamp: string } | undefined {
  const found = ANY_BACKUP.exec(name.replace(/\.gz$/u, ""))?.groups;
  return found && { log: `${found["name"]}${found["extension"] ?? ""}`, stamp: found["stamp"]! };
}
