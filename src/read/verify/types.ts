/**
 * What verifying finds.
 *
 * @module
 */
import type { Link } from "../../seal/checkpoint.js";
import type { Retired } from "../../seal/retention.js";

/** What was done to a trail. */
export type Tampering =
  "edited" | "deleted" | "inserted" | "reordered" | "truncated" | "missing-file" | "forged-checkpoint";

/** Where something is. */
export interface Place {
  /** Its path. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
  /** Of the line's first byte; in compressed files, of what was compressed. */
  readonly offset: number;
}

/** One trace of tampering. For what is not there any more, the place is that of the line next to it. */
export interface Finding extends Partial<Place> {
  /** What was done. */
  readonly kind: Tampering;
  /** Which chain it is about; `null` where the line names none. */
  readonly chain: string | null;
  /** Which line of the chain; `null` where that is not known. */
  readonly seq: number | null;
  /** How many lines, at least. */
  readonly count: number;
  /** A sentence for people. */
  readonly message: string;
}

/** One chain of a trail. */
export interface VerifiedChain {
  /** Its id, as `chain` of its lines has it. */
  readonly chain: string;
  /** The file that it writes, without its folder: `audit.log`. */
  readonly log: string;
  /** The number of the first line that was read. */
  readonly from: number;
  /** The number of the last one. */
  readonly to: number;
  /** `open`: it goes on, or ended without a word; `crashed`: a later chain found it so. */
  readonly ended: "stopped" | "open" | "crashed";
  /** Lines after the last checkpoint: if the chain has ended, nobody would miss these. */
  readonly since_checkpoint: number;
}

/** The answer of `verify`. */
export interface Verified {
  /** `incomplete`: nothing was tampered with as far as could be seen, but not all could be seen; `gaps` says what. */
  readonly status: "intact" | "tampered" | "incomplete";
  /** In the order of files and lines; the first is the first bad line. */
  readonly findings: readonly Finding[];
  /** What could not be verified, and why. */
  readonly gaps: readonly string[];
  /** How many files were read. */
  readonly files: number;
  /** How many bytes of lines were read; of compressed files, as they were before. */
  readonly bytes: number;
  /** How many lines were read. */
  readonly lines: number;
  /** How many of them are sealed. */
  readonly sealed: number;
  /** Halves of lines, as processes leave them that are killed amid a `write`. */
  readonly half_lines: number;
  /** Each chain that was met. */
  readonly chains: readonly VerifiedChain[];
}

/** Lines of one chain in one file that follow one another, and fit. */
export interface Run {
  readonly chain: string;
  readonly from: number;
  to: number;
  /** The hash of the last one. */
  head: string;
  readonly first: Place;
  last: Place;
  /** Whether it begins with a checkpoint. */
  readonly opening: boolean;
  /** What the first line must be checked with, when the one before it is known. */
  readonly unchecked: {
    readonly bytes: Buffer;
    readonly hash: string;
    /** Undefined: not known, since the file's first checkpoint of the chain is missing. */
    readonly keyId: string | null | undefined;
    readonly epoch: number | undefined;
  };
  /** The file of the chain, as its checkpoints count them; undefined before the first. */
  fileNumber: number | undefined;
  /** Made with another key, or with none: only the order was checked. */
  readonly unverifiable: boolean;
}

/** A line that fits nowhere: not sealed, or not as it should be. */
export interface OddLine extends Place {
  readonly chain: string | null;
  readonly seq: number | null;
  /** As claimed, and as it would be. */
  readonly hashes: readonly string[];
  /** `half`: no JSON, as a killed process leaves it. */
  readonly why: "hash" | "unsealed" | "half";
  readonly isCheckpoint: boolean;
}

/** A checkpoint as it was read. */
export interface SeenCheckpoint extends Place {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
  /** When it was made, in milliseconds since the epoch. */
  readonly at: number;
  readonly fileNumber: number;
  readonly reason: string;
  readonly links: readonly Link[];
  readonly keyId: string | null;
  readonly epoch: number;
  readonly log: string | undefined;
  readonly unsealedBefore: number;
  /** What does not fit in it. */
  readonly wrong: string | undefined;
}

/** What was found in one file. */
export interface FileScan {
  readonly path: string;
  readonly log: string;
  lines: number;
  sealed: number;
  halfLines: number;
  readonly runs: Run[];
  readonly odd: OddLine[];
  readonly checkpoints: SeenCheckpoint[];
  /** Backups that were deleted because of `keep`, as the trail itself says, with their chains. */
  readonly retired: Pick<Retired, "file" | "chains">[];
  /** Seals of lines that a half line had run into; their writer wrote these again. */
  readonly glued: string[];
}
