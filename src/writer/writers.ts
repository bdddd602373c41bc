/**
 * All writers of the process: one a file, however many appenders share it, and one thread for all.
 *
 * @module
 */
import { AuditError } from "../errors.js";
import { fault, guarded } from "../health.js";
import type { Witnessed } from "../seal/checkpoint.js";
import { Backups } from "./backups.js";
import { Crew } from "./crew.js";
import { beforeEnd } from "./exit.js";
import type { GapReport } from "./gap.js";
import type { WriterSettings } from "./protocol.js";
import type { Printable } from "./ring.js";
import type { Retired } from "../seal/retention.js";
import type { FileHealth } from "./file-health.js";
import { Writer } from "./writer.js";

/** At the end of the process: how long to wait for the thread's last `write` before taking over from it. */
const EXIT_WAIT_MS = 2000;
/** When appenders are shut down, for example because log4js is configured again. */
const CLOSE_WAIT_MS = 1000;

interface Entry {
  readonly writer: Writer;
  readonly backups: Backups;
  users: number;
}

const entries = new Map<string, Entry>();
const crew = new Crew();
let forget: (() => void) | undefined;
let flushed = 0;
/** Lines of writers that have been closed. */
let writtenBefore = 0;

/** What a sealed file needs of its opener. */
export interface SealedEvents {
  /** Is told of each checkpoint. */
  witness?(witnessed: Witnessed): void;
  /** Makes the line that tells of a backup that will be deleted. */
  describeRetired?(retired: Retired): string;
}

/**
 * The writer of a file: a new one, or the one that has it open already (its settings then hold).
 *
 * @throws what the system says when the file cannot be opened
 */
export function openWriter(
  settings: WriterSettings,
  describeGap: (gap: GapReport) => string,
  printable: Printable = (line) => line,
  sealed: SealedEvents = {},
): Writer {
  const known = entries.get(settings.path);
  if (known) {
    known.users += 1;
    return known.writer;
  }
  const backups: Backups = new Backups(settings, undefined, (retired) => {
    const line = sealed.describeRetired?.(retired);
    return line === undefined || guarded("writer.backups", () => writer.write(line, "os")) === true;
  });
  const writer: Writer = new Writer(settings, crew, describeGap, printable, {
    rotated: () => backups.tidySoon(),
    ...(sealed.witness && { checkpoint: sealed.witness }),
  });
  entries.set(settings.path, { writer, backups, users: 1 });
  forget ??= beforeEnd(drainAll);
  backups.tidySoon();
  return writer;
}

/** Gives a writer back; the last user's call writes what waits. A writer that cannot do so stays, and tries on. */
export function closeWriter(writer: Writer): void {
  const entry = entries.get(writer.settings.path);
  if (!entry || entry.writer !== writer) return;
  entry.users -= 1;
  if (entry.users > 0) return;
  if (writer.finish(CLOSE_WAIT_MS, false) > 0) return;
  writtenBefore += writer.written;
  entry.backups.stop();
  writer.close();
  entries.delete(writer.settings.path);
  if (entries.size > 0) return;
  crew.dismiss();
  forget?.();
  forget = undefined;
}

/** How the files are written that are open now, without keys. */
export function openFiles(): object[] {
  return [...entries.values()].map(({ writer }) => {
    const { seal, ...settings } = writer.settings;
    return { ...settings, sealed: seal !== undefined, keyed: writer.chain?.keyId !== null };
  });
}

/** What `audit.flush()` did. */
export interface Flushed {
  /** How many lines were written since the last flush. */
  readonly written: number;
}

/** How far to go, and how long to wait. */
export interface FlushOptions {
  /** Longest wait, in milliseconds; default 5000. */
  readonly timeoutMs?: number;
  /** Also wait until the disk has it, so that a loss of power takes nothing; default false. */
  readonly fsync?: boolean;
}

/**
 * Resolves when every line accepted so far stands in its file.
 *
 * @param leftMs - how much of the time is left, if the caller has waited for something else before
 * @returns how many lines were written since the last flush
 * @throws {AuditError} `AUDIT_FLUSH_TIMEOUT`: some still wait; they stay queued
 */
export async function flush(
  { timeoutMs = 5000, fsync = false }: FlushOptions = {},
  leftMs = timeoutMs,
): Promise<Flushed> {
  const late = await lateWriter(leftMs, fsync);
  if (late) throw new AuditError("AUDIT_FLUSH_TIMEOUT", [whatIsLate(late), timeoutMs]);
  const total = written();
  const since = total - flushed;
  flushed = total;
  return { written: since };
}

function whatIsLate({ settings: { path }, queuedLines }: Writer): string {
  return queuedLines > 0
    ? `${queuedLines} records were not in ${path}`
    : `the disk did not have all that is in ${path}`;
}

/** Whether all lines accepted so far come to stand in their files, on disk, within this time. */
export async function settled(timeoutMs: number): Promise<"written" | "waiting" | "dropped"> {
  const { dropped } = writerHealth();
  if (await lateWriter(timeoutMs, true)) return "waiting";
  return writerHealth().dropped === dropped ? "written" : "dropped";
}

/** A writer that still has lines of those accepted so far, after this time. */
async function lateWriter(timeoutMs: number, fsync: boolean): Promise<Writer | undefined> {
  const results = await Promise.all(
    [...entries.values()].map(async ({ writer }) => ({
      writer,
      done: await writer.drained(timeoutMs, fsync),
    })),
  );
  return results.find(({ done }) => !done)?.writer;
}

/** What `audit.health()` says of writing. */
export interface WriterHealth {
  /** Lines that stand in a file. */
  readonly written: number;
  /** Lines that were dropped; a `GAP` record tells of them. */
  readonly dropped: number;
  /** Bytes that wait. */
  readonly queued_bytes: number;
  /** Whether a writer thread can be used; without one each call writes for itself. */
  readonly thread: boolean;
  /** One entry a file that this process writes. */
  readonly files: readonly FileHealth[];
}

export function writerHealth(): WriterHealth {
  const files = [...entries.values()].map(({ writer }) => writer.health());
  return {
    written: written(),
    dropped: files.reduce((sum, file) => sum + file.dropped, 0),
    queued_bytes: files.reduce((sum, file) => sum + file.queued_bytes, 0),
    thread: crew.available,
    files,
  };
}

function written(): number {
  return [...entries.values()].reduce((sum, { writer }) => sum + writer.written, writtenBefore);
}

function drainAll(certain: boolean): void {
  for (const { writer } of entries.values()) {
    const lost = writer.finish(EXIT_WAIT_MS, certain);
    if (lost > 0 && certain) tellLoss(writer, lost);
  }
}

/* The last moment of the process: nobody is left to count for, so it is said aloud. */
function tellLoss(writer: Writer, lost: number): void {
  const { path, last_error } = writer.health();
  const text = `activity-audit: ${lost} records could not be written to ${path}: ${last_error ?? "unknown"}`;
  fault("writer.exit", new Error(text));
  process.stderr.write(`${text}\n`);
}
