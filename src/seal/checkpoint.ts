/**
 * Checkpoints: what a chain says of itself, as a record of the trail in the same chain.
 *
 * @module
 */
import { createPublicKey, hash, type KeyObject, sign, verify } from "node:crypto";

/** Why a checkpoint was made. */
export type CheckpointReason = "start" | "file" | "interval" | "stop";

/** A line of a chain. */
export interface Head {
  /** The line's number in its chain, from 0. */
  readonly seq: number;
  /** The line's hash, in hex. */
  readonly hash: string;
}

/** How far another chain was known to be. */
export interface Link extends Head {
  readonly chain: string;
  /** The file that it writes, without its folder. */
  readonly log: string;
  /** Counts the files that it has written to. */
  readonly file: number;
  readonly state: "running" | "stopped" | "crashed";
}

/** What only the first line of a chain says. */
export interface ChainStart {
  readonly format: 1;
  readonly algorithm: "sha256" | "hmac-sha256";
  readonly log: string;
  readonly pid: number;
  readonly host: string;
  /** So many bytes of the file were there, unsealed, before. */
  readonly unsealed_before: number;
}

/** `details` of a checkpoint, in the order in which they are written. */
export interface CheckpointDetails {
  readonly reason: CheckpointReason;
  readonly chain: string;
  readonly file: number;
  readonly head: Head | null;
  readonly epoch: number;
  /** Which key; `null` where lines are hashed without one. */
  readonly key_id: string | null;
  readonly links: readonly Link[];
  readonly start?: ChainStart;
  readonly signer?: string;
  readonly signature?: string;
}

/** A checkpoint as a witness is told of it: the line itself, and where its chain writes. */
export interface Witnessed extends Head {
  /** The chain's id, random hex digits. */
  readonly chain: string;
  /** The file that the chain writes, without its folder. */
  readonly log: string;
  /** Counts the files that the chain has written to. */
  readonly file: number;
  /** Why it was made. */
  readonly reason: CheckpointReason;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Ed25519, if there is a signing key: see `docs/sealing.md`. */
  readonly signature: string | null;
}

const MARKS = {
  timestamp: "1970-01-01 00:00:00.000",
  recordId: "00000000-0000-7000-8000-000000000000",
} as const;
/** `details` stands last on a record of the trail. */
const DETAILS_END = '"details":{}}';
const SIGNATURE_KEY = ',"signature":"';

/** The record that checkpoints are made of: a trail record with these marks for its time and id, and empty details. */
export const CHECKPOINT_MARKS = MARKS;

/**
 * The line of a checkpoint without its seal and without the closing brace.
 *
 * @param template - a line made with `CHECKPOINT_MARKS`
 */
export function checkpointLine(
  template: string,
  timestamp: string,
  recordId: string,
  details: CheckpointDetails,
  key?: KeyObject,
): { readonly line: string; readonly signature: string | null } {
  const json = JSON.stringify(details).slice(0, -1);
  const signed = template
    .slice(0, -DETAILS_END.length)
    .replace(MARKS.timestamp, () => timestamp)
    .replace(MARKS.recordId, () => recordId)
    .concat('"details":', json);
  if (!key) return { line: `${signed}}`, signature: null };
  const signature = sign(null, Buffer.from(signed), key).toString("base64");
  return { line: `${signed}${SIGNATURE_KEY}${signature}"}`, signature };
}

/** Whether the signature on the line of a checkpoint is that of `key`; `undefined` if there is none. */
export function isSignedBy(line: Buffer, key: KeyObject): boolean | undefined {
  const at = line.lastIndexOf(SIGNATURE_KEY);
  if (at < 0) return undefined;
  const from = at + SIGNATURE_KEY.length;
  const signature = Buffer.from(line.toString("latin1", from, line.indexOf('"', from)), "base64");
  return verify(null, line.subarray(0, at), key, signature);
}

/** Names a signing key by its public half. */
export function signerOf(key: KeyObject): string {
  const open = key.type === "private" ? createPublicKey(key) : key;
  return hash("sha256", open.export({ type: "spki", format: "der" }), "hex").slice(0, 16);
}
