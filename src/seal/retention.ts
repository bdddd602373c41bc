/**
 * Records of the trail's own, as they are told from others by their first bytes; and what it says of backups that were
 * deleted because of `keep`.
 *
 * @module
 */
import type { Head } from "./checkpoint.js";

/* Behind the time, all records of the trail's own begin in the same way. */
const PREFIX = '"level":"AUDIT","name":"audit.trail","message":"';
const PREFIX_AT = '{"timestamp":"2026-11-24 12:07:01.897",'.length;
const CHECKPOINT = Buffer.from(`${PREFIX}CHECKPOINT event`);
const RETENTION = Buffer.from(`${PREFIX}RETENTION event`);

/** Whether a line says that it is a checkpoint; cheap, since it is asked for each line. */
export function claimsCheckpoint(line: Buffer): boolean {
  return begins(line, CHECKPOINT);
}

/** Whether a line says that a backup was deleted. */
export function claimsRetention(line: Buffer): boolean {
  return begins(line, RETENTION);
}

/* Most lines differ at the first letter of the message. */
function begins(line: Buffer, mark: Buffer): boolean {
  if (line[PREFIX_AT + PREFIX.length] !== mark[PREFIX.length]) return false;
  if (line.length < PREFIX_AT + mark.length) return false;
  return line.compare(mark, 0, mark.length, PREFIX_AT, PREFIX_AT + mark.length) === 0;
}

/** A backup that is beyond what is kept. */
export interface Retired {
  /** Without its folder. */
  readonly file: string;
  readonly lines: number;
  /**
   * The last line of each chain in it. Of chains that have no line in it also the last one that was deleted with an
   * earlier backup, if the record of that was in this one: else nobody would know of it any more.
   */
  readonly chains: readonly RetiredChain[];
}

export interface RetiredChain {
  readonly chain: string;
  readonly to: number;
  readonly hash: Head["hash"];
}

/** What the record of a deleted backup says; undefined when it cannot be read. */
export function readRetention(line: Buffer): Pick<Retired, "file" | "chains"> | undefined {
  try {
    const { file, chains } = (JSON.parse(line.toString()) as { details: Retired }).details;
    const whole = chains.filter(({ chain, to }) => typeof chain === "string" && Number.isInteger(to));
    return typeof file === "string" ? { file, chains: whole } : undefined;
  } catch {
    return undefined;
  }
}
