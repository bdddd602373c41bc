/**
 * Records that are missing after the process has ended, of those whose call had returned: ours and peers, for each
 * way of ending. And ours with many processes on one file, and through a storm of kills.
 *
 * `AUDIT_LOSSES_KILLS` (1000) and `AUDIT_LOSSES_RECORDS` (50000 for each of four processes) make it shorter.
 *
 * @module
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { storm } from "./losses/storm.mjs";

const PEERS = ["log4js_file", "winston_file", "pino_async", "pino_transport", "pino_sync"];
/** Peers whose records go to another process, which outlives the one that ends. */
const RELAYED = ["log4js_cluster", "log4js_multiprocess"];
const OURS = ["logger:memory", "logger:os"];
const BURST = 5000;
const KILLS = Number(process.env.AUDIT_LOSSES_KILLS ?? 1000);
const EACH = Number(process.env.AUDIT_LOSSES_RECORDS ?? 50_000);
const PROCESSES = 4;

export async function bench({ rounds, report, progress }) {
  for (const how of ["exit", "exception", "sigterm", "sigkill"]) {
    progress(how);
    for (const contender of [...OURS, ...PEERS, ...RELAYED]) {
      const missing = [];
      for (let round = 0; round < Math.min(rounds, 3); round += 1)
        missing.push(await missingAfter(contender, how));
      const isOurs = contender.startsWith("logger");
      const isWindow = how === "sigkill" && contender === "logger:memory";
      const target = isOurs && !isWindow ? 0 : undefined;
      report({ metric: `missing_after_${how}`, against: contender, value: Math.max(...missing), target });
    }
  }
  progress(`${PROCESSES} processes`);
  await manyProcesses(report);
  progress(`${KILLS} kills`);
  await killing(report);
  progress("kills of sealed writers");
  await killingSealed(report);
}

async function missingAfter(contender, how) {
  return inFolder(async (folder) => {
    const child = start(contender, how === "sigkill" ? "storm" : how, BURST, folder);
    const signal = RELAYED.includes(contender) ? "SIGUSR2" : "SIGKILL";
    if (how === "sigkill")
      child.stdout.once("data", () => setTimeout(() => child.kill(signal), 300 + Math.random() * 100));
    const told = await lastTold(child);
    return Math.max(told - whole(linesIn(folder)).length, 0);
  });
}

/** Every record once, through at least twenty rotations. */
async function manyProcesses(report) {
  await inFolder(async (folder) => {
    const env = { MAX_BYTES: String(Math.floor((EACH * PROCESSES * 1300) / 24)) };
    const children = Array.from({ length: PROCESSES }, () =>
      start("logger:memory", "exit", EACH, folder, env),
    );
    await Promise.all(children.map(lastTold));
    const against = `${PROCESSES}_x_${EACH}`;
    reportFaults(
      report,
      "processes",
      against,
      linesIn(folder),
      new Map(children.map(({ pid }) => [pid, EACH])),
    );
    const rotations = readdirSync(folder).filter((name) => name.startsWith("records-")).length;
    report({ metric: "processes_rotations", against, value: rotations, target: 20, better: "higher" });
  });
}

/** One process lives through the kills of all others. */
async function killing(report) {
  const against = `${KILLS}_kills`;
  const { missing, doubled, torn, glued, ...others } = await storm(KILLS);
  for (const [what, value] of Object.entries({ missing, doubled, torn }))
    report({ metric: `storm_survivor_${what}`, against, value, target: 0 });
  report({ metric: "storm_glued_lines", against, value: glued, target: 0 });
  report({ metric: "storm_half_lines", against, value: others.halves });
  report({ metric: "storm_survivor_records", against, value: others.told });
  report({ metric: "storm_rotations", against, value: others.rotations });
  report({ metric: "storm_seconds", against, value: others.seconds });
}

/** The same with all of them sealing. A chain that was killed may be found so; any finding is a false alarm. */
async function killingSealed(report) {
  const kills = Math.ceil(KILLS / 5);
  const against = `${kills}_kills_sealed`;
  const { missing, doubled, torn, glued, halves, verified } = await storm(
    kills,
    "a key of the bench, 32 bytes long",
  );
  for (const [what, value] of Object.entries({ missing, doubled, torn }))
    report({ metric: `storm_survivor_${what}`, against, value, target: 0 });
  report({ metric: "storm_glued_lines", against, value: glued, target: 0 });
  report({ metric: "storm_half_lines", against, value: halves });
  const alarms = Object.values(verified.findings).reduce((sum, count) => sum + count, verified.gaps.length);
  report({ metric: "storm_verify_alarms", against, value: alarms, target: 0 });
  report({ metric: "storm_crashed_chains", against, value: verified.ended.crashed ?? 0 });
}

function reportFaults(report, what, against, lines, expected) {
  const seen = new Map([...expected.keys()].map((pid) => [pid, new Set()]));
  let [twice, torn] = [0, 0];
  for (const line of lines) {
    if (!isWhole(line)) {
      torn += 1;
      continue;
    }
    const [pid, number] = JSON.parse(line).record_id.split("-").map(Number);
    const numbers = seen.get(pid);
    // Logged, but killed before it could be told of.
    if (number >= expected.get(pid)) continue;
    if (numbers?.has(number)) twice += 1;
    numbers?.add(number);
  }
  const missing = [...expected].reduce((sum, [pid, count]) => sum + count - seen.get(pid).size, 0);
  report({ metric: `${what}_missing`, against, value: missing, target: 0 });
  report({ metric: `${what}_torn`, against, value: torn, target: 0 });
  report({ metric: `${what}_doubled`, against, value: twice, target: 0 });
}

function start(contender, how, count, folder, env = {}) {
  const name = RELAYED.includes(contender) ? "end-of-worker" : "end";
  const program = fileURLToPath(new URL(`losses/${name}.mjs`, import.meta.url));
  return spawn(process.execPath, [program, contender, how, String(count), folder], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

/** How many records the child had logged when it ended. */
async function lastTold(child) {
  let tail = "";
  child.stdout.on("data", (data) => (tail = (tail + data.toString("latin1")).slice(-64)));
  await once(child, "close");
  return Number(tail.split("\n").at(-2) ?? 0);
}

function linesIn(folder) {
  const files = readdirSync(folder).filter((name) => name.endsWith(".log"));
  return files.flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean));
}

function whole(lines) {
  return lines.filter(isWhole);
}

function isWhole(line) {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

async function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "audit-losses-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
