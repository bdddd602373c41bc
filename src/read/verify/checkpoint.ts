/**
 * Checkpoints as they stand in the files.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { type CheckpointDetails, isSignedBy } from "../../seal/checkpoint.js";
import type { Seal } from "../../seal/line.js";

/** When a record was made, in milliseconds since the epoch. */
export function timeOf(line: Buffer): number {
  const from = '{"timestamp":"'.length;
  const text = line.toString("latin1", from, from + "2026-11-24 12:07:01.897".length);
  return Date.parse(`${text.replace(" ", "T")}Z`);
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
