/**
 * The chains of a directory, in a small file beside them: how far each was at its last checkpoint, so that a chain
 * can say what came before it and what runs beside it. Nothing depends on it: who changes it leaves links that no
 * longer fit, and who deletes it only makes the next chain look for its forerunners at the ends of the files.
 *
 * @module
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Link } from "../../seal/checkpoint.js";
import { isAlive } from "../../alive.js";
import { withLock } from "../lock.js";

/** In the folder of the files. */
export const REGISTER = ".activity-audit.seal";
/** Chains of other hosts are forgotten so long after their last checkpoint. */
const FORGET_MS = 30 * 86_400_000;
/** How far the clock may have been set back since. */
const CLOCK_MS = 1000;
/** How often, 1 ms apart, the lock is tried. */
const TRIES = 20;
/** And at a chain's end, which nobody can enter later: the chain would be said to have crashed. */
const LAST_TRIES = 1000;
const pause = new Int32Array(new SharedArrayBuffer(4));

/** A chain as the register has it. */
export interface Entry extends Link {
  readonly pid: number;
  readonly host: string;
  readonly at: number;
}

/**
 * The chains that are known in `folder`; those whose process is gone without a word are `crashed`.
 *
 * @returns undefined when there is no register that can be read
 */
export function readRegister(folder: string): Entry[] | undefined {
  try {
    const { chains } = JSON.parse(readFileSync(join(folder, REGISTER), "utf8")) as { chains: Entry[] };
    return chains.map((entry) => (isGone(entry) ? { ...entry, state: "crashed" as const } : entry));
  } catch {
    return undefined;
  }
}

/**
 * Enters how far a chain is.
 *
 * @param linked - chains that a later one has linked to by now: those that have ended are struck off
 */
export function enterChain(folder: string, chain: Link, linked: ReadonlySet<string> = new Set()): void {
  const entry = { ...chain, pid: process.pid, host: hostname(), at: Date.now() };
  const most = chain.state === "running" ? TRIES : LAST_TRIES;
  for (let tries = 0; tries < most; tries += 1) {
    if (withLock(join(folder, `${REGISTER}.lock`), () => rewrite(folder, entry, linked))) return;
    Atomics.wait(pause, 0, 0, 1);
  }
}

function rewrite(folder: string, entry: Entry, linked: ReadonlySet<string>): void {
  const entries = readRegister(folder) ?? [];
  const others = entries.filter(
    ({ chain, state, at }) =>
      chain !== entry.chain && (state === "running" ? at > entry.at - FORGET_MS : !linked.has(chain)),
  );
  const known = entries.find(({ chain }) => chain === entry.chain);
  const latest = known && known.seq > entry.seq ? known : entry;
  const path = join(folder, REGISTER);
  const partial = `${path}.${process.pid}`;
  writeFileSync(partial, `${JSON.stringify({ version: 1, chains: [...others, latest] })}\n`, { mode: 0o600 });
  renameSync(partial, path);
}

/* When the process began, as its clock said then: one that is set forward, or goes on after a machine was suspended,
   would let what we have entered look older than we are. */
const BEGAN = Date.now() - process.uptime() * 1000;

/* In a container the process before had the same id as ours. */
function isGone({ state, host, pid, at }: Entry): boolean {
  if (state !== "running" || host !== hostname()) return false;
  // Of a clock that was set back since.
  const began = Math.min(BEGAN, Date.now() - process.uptime() * 1000);
  return pid === process.pid ? at < began - CLOCK_MS : !isAlive(pid);
}
