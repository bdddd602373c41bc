/**
 * What a record costs and how many a second there are, ours against peers. All through the whole path: log4js
 * front, redaction, file. Peers write the same record without redaction.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const NODE_24 = Number(process.versions.node.split(".")[0]) >= 24;
/** Records a run; fewer for peers that would take a minute. */
const COUNTS = { log4js_multiprocess: 3000, winston_file: 3000 };
const COUNT = 20_000;
const CONTENDERS = [
  "json_stringify",
  "bare_batch",
  "logger",
  "sink",
  "capture",
  "log4js_file",
  "log4js_multiprocess",
  "pino_sync",
  "pino_async",
  "pino_transport",
  "winston_file",
];

export async function bench({ rounds, report, progress }) {
  const runs = interleaved(rounds, progress);
  const value = (name, field) => median(runs[name].map((run) => run[field]));
  const ratio = (metric, field, ours, against, target, better) =>
    report({ metric, against, value: value(ours, field) / value(against, field), target, better });

  const cpu = "main_cpu_ratio";
  ratio(`${cpu}_logger`, "cpu", "logger", "json_stringify", NODE_24 ? 1.35 : 1.45, "lower");
  ratio(`${cpu}_sink`, "cpu", "sink", "json_stringify", 1.25, "lower");
  ratio(`${cpu}_capture`, "cpu", "capture", "json_stringify", undefined, "lower");
  ratio(`${cpu}_logger`, "cpu", "logger", "pino_transport", 0.75, "lower");
  ratio(`${cpu}_logger`, "cpu", "logger", "log4js_file", 0.28, "lower");
  ratio("rate_ratio_logger", "rate", "logger", "bare_batch", NODE_24 ? 1.2 : 0.9, "higher");
  ratio("rate_ratio_sink", "rate", "sink", "bare_batch", undefined, "higher");
  ratio("rate_ratio_logger", "rate", "logger", "pino_transport", 1.5, "higher");
  ratio("rate_ratio_logger", "rate", "logger", "log4js_file", 6, "higher");
  for (const peer of ["log4js_multiprocess", "pino_sync", "pino_async", "winston_file"]) {
    ratio(`${cpu}_logger`, "cpu", "logger", peer, undefined, "lower");
    ratio("rate_ratio_logger", "rate", "logger", peer, undefined, "higher");
  }
  ratio("p99_call_ratio_logger", "p99", "logger", "log4js_file", 1, "lower");

  progress("slow and stalling disks");
  const few = Array.from({ length: Math.min(rounds, 3) });
  const grown = median(few.map(() => measure("memory", "logger", 30_000, { SLOW_MBS: "8" }).grown));
  report({ metric: "memory_growth_mb_slow_disk", against: "ring_8_mb_plus_20", value: grown, target: 28.4 });
  const stalls = few.map(() => measure("stall", "logger", 16_000, { STALL_MS: "600" }));
  const floor = few.map(() => measure("stall", "json_stringify", 16_000));
  const longest = median(stalls.map((stall) => stall.longest));
  report({ metric: "longest_call_ms_disk_stall", against: "limit", value: longest, target: 5 });
  const byTheClock = (measured) => median(measured.map(({ wall }) => wall));
  report({ metric: "longest_call_ms_disk_stall_by_the_clock", against: "logger", value: byTheClock(stalls) });
  report({
    metric: "longest_call_ms_disk_stall_by_the_clock",
    against: "json_stringify",
    value: byTheClock(floor),
  });

  progress("four processes on one file");
  const many = few.map(() => [runMany("logger", 200_000).rate, runMany("log4js_cluster", 4000).rate]);
  const better = "higher";
  const times = median(many.map(([ours]) => ours)) / median(many.map(([, theirs]) => theirs));
  report({
    metric: "rate_ratio_four_processes",
    against: "log4js_cluster",
    value: times,
    target: 20,
    better,
  });
}

/** Every contender once a round, so that a slow moment of the machine meets all alike. */
function interleaved(rounds, progress) {
  const runs = Object.fromEntries(CONTENDERS.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    for (const name of CONTENDERS) {
      const { p99 } = ["logger", "log4js_file"].includes(name) ? measure("latency", name, 20_000) : {};
      runs[name].push({ ...measure("throughput", name, COUNTS[name] ?? COUNT), p99 });
    }
  }
  return runs;
}

function measure(mode, name, count, env = {}) {
  return inFolder((folder) => spawned("child.mjs", [mode, name, String(count), folder], env));
}

function runMany(how, count) {
  return inFolder((folder) => spawned("many.mjs", [how, "4", String(count), folder], {}));
}

function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "audit-bench-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function spawned(program, args, env) {
  const path = fileURLToPath(new URL(`appender/${program}`, import.meta.url));
  const { stdout, stderr, status } = spawnSync(process.execPath, ["--expose-gc", path, ...args], {
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}
