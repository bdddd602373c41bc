/**
 * What the calling thread and the writer thread agree on: the words of shared memory, the settings of a
 * file, and the messages both send. The only file of this stage that both sides and `log/` read.
 *
 * @module
 */
import type { FormatSettings } from "../record/formatter.js";
import type { Shape } from "../record/shape.js";
import type { Witnessed } from "../seal/checkpoint.js";

/**
 * When a line counts as written.
 *
 * - `memory`: it stands in the ring; the writer thread appends it within a few milliseconds. Survives every end
 *   of the process but SIGKILL (and a loss of power).
 * - `os`: the operating system has it before the call returns. Survives SIGKILL.
 * - `fsync`: the disk has it before the call returns. Survives a loss of power, at a disk's pace.
 */
export type Durability = "memory" | "os" | "fsync";

/** What a call does when the ring has no room: wait up to `maxBlockMs`, drop and count, or throw. */
export type OnFull = "block" | "drop" | "error";

/** How many backups to keep. Nothing is deleted when no limit is given. */
export interface Keep {
  /** The newest so many backups stay. */
  readonly files?: number;
  /** Backups stay while they are together below so many bytes. */
  readonly bytes?: number;
  /** Backups last written longer ago than so many days are deleted. */
  readonly days?: number;
}

/** The settings of one file; all have their value by now. */
export interface FileSettings {
  /** Absolute. */
  readonly path: string;
  /** Permission bits of the file and its backups. */
  readonly mode: number;
  /** The file is renamed to a backup before it would grow beyond so many bytes; 0 = never. */
  readonly maxBytes: number;
  /** The file is renamed to a backup at the first line of a new day (UTC). */
  readonly daily: boolean;
  /** Backups are compressed, some seconds after they were made. */
  readonly gzip: boolean;
  readonly keep: Keep;
  readonly seal?: SealSettings | undefined;
}

/** How a file is sealed; see `docs/sealing.md`. */
export interface SealSettings {
  /** Makes each hash a MAC; a copy of ours, overwritten when the chain has its own. */
  readonly key: Uint8Array | undefined;
  /** An Ed25519 private key in PEM. */
  readonly signingKey: string | undefined;
  /** A checkpoint after so many lines … */
  readonly records: number;
  /** … or so many milliseconds with new lines. */
  readonly milliseconds: number;
  /** Each checkpoint is appended here too. */
  readonly witnessFile: string | undefined;
  /** Each checkpoint is told to the calling thread too. */
  readonly told: boolean;
  /** The record that checkpoints are made of: see `seal/checkpoint.ts`. */
  readonly template: string;
}

/** The settings of a writer: its file, and what happens before a line gets there. */
export interface WriterSettings extends FileSettings {
  readonly ringBytes: number;
  readonly onFull: OnFull;
  readonly maxBlockMs: number;
  /** The writer thread's program. */
  readonly threadFile: string;
}

/* Words of a ring's header. What the two sides write stands on cache lines of its own. */
export const HEADER_BYTES = 256;
/** Where the producer goes on. */
export const WRITE_AT = 0;
/** Where the lines before a wrap end. */
export const WRAP_AT = 1;
/** Where the consumer goes on. */
export const READ_AT = 16;
/** Who may consume: see `owner.ts`. */
export const OWNER = 32;
/** 1 while the last attempt to write the file failed. */
export const FAILING = 33;
/* The batch in flight: how long, on which file, and how long that was before. Two words make a number. */
export const FLIGHT_BYTES = 48;
export const FLIGHT_SIZE = 49;
export const FLIGHT_INODE = 51;
/** Counted up for each file that the thread has told of as a backup. */
export const RETIRED = 53;

/* Words of the control block that a writer thread and its starter share. */
export const CONTROL_BYTES = 64;
/** Counted up, and notified, to wake the thread. */
export const WAKE = 0;
/** 1 while the thread sleeps until it is woken. */
export const SLEEPING = 1;
/** Counted up for each message posted, since a thread in `Atomics.wait` hears no events. */
export const MAIL = 2;
/** The thread's id in the kernel, where there is a /proc to tell; else 0. */
export const THREAD_ID = 3;

/** A chain that both threads go on with, one at a time. */
export interface SharedChain {
  readonly name: string;
  readonly keyId: string | null;
  readonly memory: SharedArrayBuffer;
}

/** What the thread is told: take over a ring, or give it up. */
export type ThreadMail =
  | {
      readonly kind: "open";
      readonly id: number;
      readonly ring: SharedArrayBuffer;
      readonly file: FileSettings;
      readonly chain: SharedChain | undefined;
    }
  | { readonly kind: "close"; readonly id: number }
  /** All that there are; new ones last. */
  | { readonly kind: "formats"; readonly formats: readonly FormatSettings[] }
  /** New ones, in their order. */
  | { readonly kind: "shapes"; readonly shapes: readonly Shape[] };

/** What the thread tells. A `retired` file is not on the disk yet; without a path it has been deleted. */
export type ThreadNews =
  | { readonly kind: "failed"; readonly id: number; readonly code: string; readonly message: string }
  | { readonly kind: "rotation-failed"; readonly id: number; readonly message: string }
  | { readonly kind: "retired"; readonly id: number; readonly path: string | undefined }
  | { readonly kind: "checkpoint"; readonly id: number; readonly witnessed: Witnessed }
  | { readonly kind: "unregistered"; readonly id: number; readonly message: string };

/** Stores a whole number up to 2^53 in two words. */
export function storeNumber(words: Int32Array, index: number, value: number): void {
  words[index] = value % 0x1_0000_0000;
  words[index + 1] = Math.floor(value / 0x1_0000_0000);
}

export function loadNumber(words: Int32Array, index: number): number {
  return ((words[index] ?? 0) >>> 0) + (words[index + 1] ?? 0) * 0x1_0000_0000;
}
