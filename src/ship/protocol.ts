/**
 * What the shipping thread and its starter agree on.
 *
 * @module
 */

import type { Dropped } from "./room.js";

/** Where to, and how. All have their value by now. */
export interface ShipSettings {
  /** The live file of the spool; its backups stand beside it. Absolute. */
  readonly spool: string;
  readonly server: ServerSettings;
  /** When more waits than so many bytes, the oldest files are given up. */
  readonly maxSpoolBytes: number;
  /** A batch is sent when it has so many bytes … */
  readonly batchBytes: number;
  /** … or so many milliseconds after the look before. */
  readonly intervalMs: number;
  /** The longest pause between two tries while the server does not take a batch. */
  readonly maxRetryMs: number;
}

/** How the server is reached. */
export interface ServerSettings {
  readonly url: string;
  readonly database: string;
  readonly table: string;
  readonly username: string;
  readonly password: string;
  readonly requestTimeoutMs: number;
}

/** How the shipping of one spool is doing. */
export interface ShipState {
  /** Lines that the server has acknowledged since the start of the process. */
  readonly sent: number;
  /** Lines that were given up, since there were more than `maxSpoolBytes`; a `GAP` record tells of them. */
  readonly dropped: number;
  /** Bytes that wait on the disk. */
  readonly waiting_bytes: number;
  /** What went wrong with the last try; null when it went well. */
  readonly last_error: string | null;
}

export const NOTHING_SENT: ShipState = { sent: 0, dropped: 0, waiting_bytes: 0, last_error: null };

/** What the thread is told: send what is there, and end, `withinMs` milliseconds from now at the latest. */
export interface StopShipping {
  readonly kind: "stop";
  readonly withinMs: number;
}

/** What the thread is answered: a record tells of what it is about to give up. */
export interface DroppedTold {
  readonly kind: "told";
}

export type ShipMail = StopShipping | DroppedTold;

/** What the thread tells: how it is doing, after each round, and what it will give up as soon as that is told of. */
export type ShipNews =
  | { readonly kind: "state"; readonly state: ShipState }
  | { readonly kind: "dropped"; readonly dropped: Dropped };
