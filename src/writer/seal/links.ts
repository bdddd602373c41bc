/**
 * What a chain knows of the others in its directory.
 *
 * @module
 */
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import type { ChainStart, Link } from "../../seal/checkpoint.js";
import { readRegister } from "./register.js";
import { readTails, type Tails } from "./tails.js";

/** Most links of one checkpoint, the newest first: more would make it a long line. */
const MAX_LINKS = 64;

/** All that came before the chain, with their last lines as far as these can be seen. */
export function linksBefore(path: string, chain: string): Link[] {
  const known = readRegister(dirname(path)) ?? unregistered(readTails(path), basename(path));
  return seenLinks(
    dirname(path),
    known.filter((entry) => entry.chain !== chain),
  );
}

/** Those that run beside the chain, as the register has them, and those that were found to have crashed. */
export function linksBeside(path: string, chain: string): Link[] {
  const others = (readRegister(dirname(path)) ?? []).filter((entry) => entry.chain !== chain);
  return [
    ...others.filter(({ state }) => state === "running").map(linkOf),
    ...seenLinks(
      dirname(path),
      others.filter(({ state }) => state === "crashed"),
    ),
  ].slice(-MAX_LINKS);
}

/* A chain that crashed has come further than its last checkpoint. One that runs is taken at its checkpoint, which is
   sure to be in the file for good. */
function seenLinks(folder: string, entries: readonly Link[]): Link[] {
  const tails = new Map<string, Tails>();
  const tailsOf = (log: string): Tails => {
    const found = tails.get(log) ?? readTails(join(folder, log));
    tails.set(log, found);
    return found;
  };
  const links = entries.map((entry) => {
    const seen = entry.state !== "crashed" ? undefined : tailsOf(entry.log).heads.get(entry.chain);
    return linkOf(seen && seen.seq > entry.seq ? { ...entry, ...seen } : entry);
  });
  return links.slice(-MAX_LINKS);
}

/* Without a register the file itself is all that tells of others. How they ended it does not say. */
function unregistered({ heads }: Tails, log: string): Link[] {
  return [...heads].map(([chain, head]) => ({ chain, log, ...head, file: 1, state: "crashed" }));
}

function linkOf({ chain, log, seq, hash, file, state }: Link): Link {
  return { chain, log, seq, hash, file, state };
}

/** What the first line of a chain says of it. */
export function beginning(path: string, keyId: string | null, size: number): ChainStart {
  return {
    format: 1,
    algorithm: keyId === null ? "sha256" : "hmac-sha256",
    log: basename(path),
    pid: process.pid,
    host: hostname(),
    unsealed_before: size > 0 ? Math.min(readTails(path).unsealedBytes, size) : 0,
  };
}
