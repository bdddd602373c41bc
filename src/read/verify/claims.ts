/**
 * What is said of a chain outside of it: by checkpoints of other chains, by witnesses, by the register of the directory.
 *
 * @module
 */
import { readdir, readFile, stat } from "node:fs/promises";
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
  /** When the line was there already, in milliseconds since the epoch. */
  readonly at: number;
}

/** As `writer/seal/register.ts` writes it. */
const REGISTER = ".activity-audit.seal";

export function claimsOf(scans: readonly FileScan[]): Claim[] {
  return scans.flatMap(({ checkpoints }) =>
    checkpoints.flatMap(({ chain, links, wrong, at }) =>
      wrong === undefined ? links.map((link) => claim({ ...link, at }, `chain ${chain}`)) : [],
    ),
  );
}

/**
 * @param path - a file, or a folder of them: what a store of objects has kept
 * @throws {AuditError} `AUDIT_TRAIL_MISSING`: there is no such file or folder
 */
export async function readWitness(path: string): Promise<Claim[]> {
  try {
    const isFolder = (await stat(path)).isDirectory();
    const found = isFolder ? await readdir(path, { recursive: true, withFileTypes: true }) : [];
    const files = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
    const claims: Claim[][] = [];
    for (const file of isFolder ? files : [path]) claims.push(claimsIn(await readFile(file, "utf8")));
    return claims.flat();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AuditError("AUDIT_TRAIL_MISSING", [path, code ?? message]);
  }
}

function claimsIn(text: string): Claim[] {
  return text.split("\n").flatMap((line) => {
    try {
      return [claim(JSON.parse(line) as Link & Timed, "the witness")];
    } catch {
      return [];
    }
  });
}

export async function readRegister(folder: string): Promise<Claim[]> {
  try {
    const { chains } = JSON.parse(await readFile(join(folder, REGISTER), "utf8")) as {
      chains: (Link & Timed)[];
    };
    return chains.map((link) => claim(link, REGISTER));
  } catch {
    return [];
  }
}

interface Timed {
  readonly at: number;
}

function claim({ chain, log, seq, hash, file, state, at }: Link & Timed, by: string): Claim {
  return { chain, log, seq, hash, file, crashed: state === "crashed", by, at };
}
