/**
 * Checkpoints as they stand in the files.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { type CheckpointDetails, isSignedBy } from "../../seal/checkpoint.js";
import type { Seal } from "../../seal/line.js";

/* Behind the time, all records of the trail's own begin in the same way. */
const PREFIX = '"level":"AUDIT","name":"audit.trail","message":"';
const PREFIX_AT = '{"timestamp":"2026-11-24 12:07:01.897",'.length;
const CHECKPOINT = Buffer.from(`${PREFIX}CHECKPOINT event`);
const RETENTION = Buffer.from(`${PREFIX}RETENTION event`);

/** Whether a line says that it is a checkpoint; cheap, since it is asked for each line. */
export function claimsCheckpoint(line: Buffer): boolean {
  return begins(line, CHECKPOINT);
}

/** Whether a line says that backups were deleted. */
export function claimsRetention(line: Buffer): boolean {
  return begins(line, RETENTION);
}

/* Most lines differ at the first letter of the message. */
function begins(line: Buffer, mark: Buffer): boolean {
  if (line[PREFIX_AT + PREFIX.length] !== mark[PREFIX.length]) return false;
  if (line.length < PREFIX_AT + mark.length) return false;
  return line.compare(mark, 0, mark.length, PREFIX_AT, PREFIX_AT + mark.length) === 0;
}

/** The chains of a backup that was deleted, and how far each went in it. */
export function readRetired(line: Buffer): { readonly chain: string; readonly to: number }[] {
  try {
    const { details } = JSON.parse(line.toString()) as {
      details: { chains: { chain: string; to: number }[] };
    };
    return details.chains.filter(({ chain, to }) => typeof chain === "string" && Number.isInteger(to));
  } catch {
    return [];
  }
}

/** The details of a checkpoint; undefined when they cannot be read. */
export function readDetails(line: Buffer): CheckpointDetails | undefined {
  try {
    const { details } = JSON.parse(line.toString()) as { details: CheckpointDetails };
    const { chain, file, epoch, head, links } = details;
    const isWhole = typeof chain === "string" && Number.isInteger(file) && Number.isInteger(epoch);
    return isWhole && typeof head === "object" && Array.isArray(links) ? details : undefined;
  } catch {
    return undefined;
  }
}

/** What does not fit between a checkpoint and where it stands; undefined when all does. */
export function faultOf(
  line: Buffer,
  details: CheckpointDetails,
  seal: Seal,
  previous: string | undefined,
  publicKey: KeyObject | undefined,
): string | undefined {
  if (details.chain !== seal.chain) return "it is one of another chain";
  const { head } = details;
  if ((head?.seq ?? -1) !== seal.seq - 1) return "it names another line before it";
  if (head && previous !== undefined && head.hash !== previous) return "it names another line before it";
  if (details.epoch > seal.seq) return "it counts more keys than lines";
  if ((details.start !== undefined) !== (seal.seq === 0)) return "it is no beginning, or a second one";
  if (!publicKey) return undefined;
  const signed = isSignedBy(line, publicKey);
  if (signed === undefined) return "it is not signed";
  return signed ? undefined : "its signature is not that of the key";
}
