/**
 * What is said of a chain outside of it: by checkpoints of other chains, by witnesses, by the register of the directory.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AuditError } from "../../errors.js";
import type { Link } from "../../seal/checkpoint.js";
import type { FileScan } from "./types.js";

/** Somebody has seen this line of a chain. */
export interface Claim {
  readonly chain: string;
  readonly log: string;
  readonly seq: number;
  readonly hash: string;
  readonly file: number;
  readonly crashed: boolean;
  readonly by: string;
}

/** As `writer/seal/register.ts` writes it. */
const REGISTER = ".activity-audit.seal";

export function claimsOf(scans: readonly FileScan[]): Claim[] {
  return scans.flatMap(({ checkpoints }) =>
    checkpoints.flatMap(({ chain, links, wrong }) =>
      wrong === undefined ? links.map((link) => claim(link, `chain ${chain}`)) : [],
    ),
  );
}

/** @throws {AuditError} `AUDIT_TRAIL_MISSING`: there is no such file */
export async function readWitness(path: string): Promise<Claim[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new AuditError("AUDIT_TRAIL_MISSING", [path, error.code ?? error.message]);
  });
  return text.split("\n").flatMap((line) => {
    try {
      return [claim(JSON.parse(line) as Link, "the witness")];
    } catch {
      return [];
    }
  });
}

export async function readRegister(folder: string): Promise<Claim[]> {
  try {
    const { chains } = JSON.parse(await readFile(join(folder, REGISTER), "utf8")) as { chains: Link[] };
    return chains.map((link) => claim(link, REGISTER));
  } catch {
    return [];
  }
}

function claim({ chain, log, seq, hash, file, state }: Link, by: string): Claim {
  return { chain, log, seq, hash, file, crashed: state === "crashed", by };
}
