/**
 * What a chain knows of the others in its directory.
 *
 * @module
 */
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import type { ChainStart, Head, Link } from "../../seal/checkpoint.js";
import { FILE_CLOCK_MS } from "../lock.js";
import { type Entry, readRegister } from "./register.js";
import { lastLines } from "./tails.js";

/** Most links of one checkpoint, the newest first: more would make it a long line. */
const MAX_LINKS = 64;

/** All that came before the chain, with their last lines as far as these can be seen. */
export function linksBefore(path: string, chain: string): Link[] {
  const known = readRegister(dirname(path));
  if (known === undefined) return unregistered(path);
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
function seenLinks(folder: string, entries: readonly Entry[]): Link[] {
  const crashed = entries.filter(({ state }) => state === "crashed");
  const heads = new Map<string, Head>();
  for (const log of new Set(crashed.map((entry) => entry.log))) {
    const ofLog = crashed.filter((entry) => entry.log === log);
    const sought = {
      chains: new Set(ofLog.map(({ chain }) => chain)),
      since: Math.min(...ofLog.map(({ at }) => at)) - FILE_CLOCK_MS,
    };
    for (const [chain, head] of lastLines(join(folder, log), sought)) heads.set(chain, head);
  }
  const links = entries.map((entry) => {
    const seen = entry.state === "crashed" ? heads.get(entry.chain) : undefined;
    return linkOf(seen && seen.seq > entry.seq ? { ...entry, ...seen } : entry);
  });
  return links.slice(-MAX_LINKS);
}

/* Without a register the file itself is all that tells of others. How they ended it does not say. */
function unregistered(path: string): Link[] {
  const links = [...lastLines(path)].map(([chain, head]): Link => ({
    chain,
    log: basename(path),
    ...head,
    file: 1,
    state: "crashed",
  }));
  return links.slice(-MAX_LINKS);
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
    unsealed_before: size > 0 && lastLines(path).size === 0 ? size : 0,
  };
}
