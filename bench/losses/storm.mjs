/**
 * A storm of SIGKILLs: victims write to a file as fast as they can and are killed at random moments, while one
 * process, which goes through log4js as users do, writes to the same file and lives. What it was told to have
 * written is counted here, outside of it: `storm.mjs KILLS [KEY]` prints the result as one JSON object. With a key all
 * of them seal what they write, and the trail that is left is verified.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, statSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRequire } from "node:module";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { fileIn } from "../appender/contenders.mjs";
import { createTally } from "./tally.mjs";

const require = createRequire(import.meta.url);
const MAX_BYTES = 1_000_000;
/** Victims at the same time. */
const VICTIMS = 3;
/** A victim lives so long at most once it writes; some are killed while they still start. */
const LIFE_MS = 50;
const START_MS = 80;
const KILLED_EARLY = 0.1;
/** Backups older than this are counted and deleted, so that the storm needs no disk; sealed ones stay to be verified. */
const SETTLED_MS = 5000;

/**
 * @param key - for sealing
 * @returns `{ kills, seconds, told, rotations }` and the survivor's `missing`, `doubled`, `torn` records; `glued`
 *   lines and `halves` of lines of whomever; `verified` if sealed
 */
export async function storm(kills, key) {
  const folder = mkdtempSync(join(tmpdir(), "audit-storm-"));
  const survivor = startSurvivor(folder, key);
  try {
    const began = performance.now();
    const tally = createTally(survivor.process.pid);
    let rotations = 0;
    // A file at a time: the kills must not wait for the counting.
    const collect = async (olderThan) => {
      for (const path of backupsIn(folder, olderThan)) {
        tally.addFile(path);
        if (!key) unlinkSync(path);
        rotations += 1;
        await turn();
      }
    };
    // It has more to load than the victims, which could all be dead before.
    await survivor.writing;
    const killing = Promise.all(sharesOf(kills).map((share) => killOneByOne(share, folder, key)));
    const over = killing.then(() => true);
    while (!(await Promise.race([over, delay(1000, false)])))
      if (!key) await collect(Date.now() - SETTLED_MS);
    const told = await survivor.end();
    await collect(Number.POSITIVE_INFINITY);
    tally.addFile(fileIn(folder));
    const seconds = (performance.now() - began) / 1000;
    const verified = key && (await verifiedIn(folder, key));
    return { kills, seconds, told, rotations, missing: tally.missing(told), ...tally.counts, verified };
  } finally {
    survivor.process.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What `verify` says of the trail: how many findings of each kind, how the chains ended. */
async function verifiedIn(folder, key) {
  const { verify } = require("../../dist/read/verify/verify.js");
  const { status, findings, gaps, chains } = await verify(folder, { key: Buffer.from(key) });
  return {
    status,
    findings: countOf(findings.map(({ kind }) => kind)),
    gaps,
    ended: countOf(chains.map(({ ended }) => ended)),
  };
}

function countOf(kinds) {
  const counts = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Tells, before it ends, of each record whose call has returned. */
function startSurvivor(folder, key) {
  const child = spawn(process.execPath, [here("end.mjs"), "logger:memory", "steady", "0", folder], {
    env: { ...process.env, MAX_BYTES: String(MAX_BYTES), ...(key && { SEAL_KEY: key }) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const closed = once(child, "close");
  let tail = "";
  child.stdout.on("data", (data) => (tail = (tail + data.toString("latin1")).slice(-64)));
  return {
    process: child,
    writing: Promise.race([once(child.stdout, "data"), closed]),
    async end() {
      child.kill("SIGTERM");
      const [code, signal] = await closed;
      if (signal !== "SIGTERM") throw new Error(`The survivor ended with ${code ?? signal}.`);
      return Number(tail.split("\n").at(-2));
    },
  };
}

function sharesOf(kills) {
  return Array.from({ length: VICTIMS }, (_, index) => Math.floor((kills + index) / VICTIMS));
}

async function killOneByOne(count, folder, key) {
  const args = [here("victim.cjs"), fileIn(folder), String(MAX_BYTES), ...(key ? [key] : [])];
  for (let killed = 0; killed < count; killed += 1) {
    const victim = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(victim, "exit");
    if (Math.random() < KILLED_EARLY) await delay(Math.random() * START_MS);
    else {
      await Promise.race([once(victim.stdout, "data"), ended]);
      await delay(Math.random() * LIFE_MS);
    }
    victim.kill("SIGKILL");
    const [code, signal] = await ended;
    if (signal !== "SIGKILL") throw new Error(`A victim ended by itself with ${code ?? signal}.`);
  }
}

function backupsIn(folder, olderThan) {
  return readdirSync(folder)
    .filter((name) => name.startsWith("records-"))
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).mtimeMs < olderThan);
}

function here(name) {
  return fileURLToPath(new URL(name, import.meta.url));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(await storm(Number(process.argv[2]), process.argv[3]))}\n`);
}
