/**
 * What sealing costs, and how fast a sealed trail is verified. The same records as in the `appender` suite, through the
 * whole path; without a seal, with one, and with one that has a key, interleaved.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const COUNT = 40_000;
/** About 330 MB. */
const VERIFIED = 270_000;
const SEALS = ["none", "plain", "keyed"];
const CHILD = fileURLToPath(new URL("seal/child.mjs", import.meta.url));

export async function bench({ rounds, report, progress }) {
  const runs = { write: {}, os: {}, drain: {} };
  for (let round = 1; round <= rounds; round += 1) {
    progress(`round ${round} of ${rounds}`);
    for (const seal of SEALS) {
      add(
        runs.write,
        seal,
        inFolder((folder) => measure("write", seal, COUNT, folder)),
      );
      add(
        runs.os,
        seal,
        inFolder((folder) => measure("write", seal, COUNT / 4, folder, { DURABILITY: "os" })),
      );
      add(
        runs.drain,
        seal,
        inFolder((folder) => measure("drain", seal, COUNT, folder)),
      );
    }
  }
  for (const seal of ["plain", "keyed"]) {
    const ratio = (suite, field) => value(runs[suite], seal, field) / value(runs[suite], "none", field);
    report({
      metric: `main_cpu_ratio_${seal}`,
      against: "unsealed",
      value: ratio("write", "cpu"),
      target: 1.05,
    });
    // With a core for each of both threads the slower one sets the pace; the clock tells of the machine's load too.
    report({
      metric: `rate_ratio_${seal}`,
      against: "unsealed",
      value: 1 / ratio("write", "slower"),
      target: 0.75,
      better: "higher",
    });
    const clock = ratio("write", "rate");
    report({
      metric: `rate_ratio_${seal}_by_the_clock`,
      against: "unsealed",
      value: clock,
      target: 0.75,
      better: "higher",
    });
    const added = (suite) => value(runs[suite], seal, "cpu") - value(runs[suite], "none", "cpu");
    report({ metric: `main_cpu_us_added_a_line_os_${seal}`, against: "unsealed", value: added("os") });
    report({ metric: `writer_cpu_us_added_a_line_${seal}`, against: "unsealed", value: added("drain") });
  }
  for (const seal of ["plain", "keyed"]) {
    progress(`verify, ${seal}`);
    const rates = inFolder((folder) => {
      measure("write", seal, VERIFIED / 2, folder);
      return Array.from({ length: rounds }, () => measure("verify", seal, 0, folder));
    });
    const by = (field) => median(rates.map((rate) => rate[field]));
    report({
      metric: `verify_mb_a_second_of_cpu_${seal}`,
      against: "limit",
      value: by("cpuRate"),
      target: 300,
      better: "higher",
    });
    const rate = by("rate");
    report({
      metric: `verify_mb_a_second_${seal}_by_the_clock`,
      against: "limit",
      value: rate,
      target: 300,
      better: "higher",
    });
  }
}

function add(runs, seal, run) {
  (runs[seal] ??= []).push(run);
}

function value(runs, seal, field) {
  return median(runs[seal].map((run) => run[field]));
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function inFolder(work) {
  const folder = mkdtempSync(join(tmpdir(), "audit-bench-"));
  try {
    return work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function measure(mode, seal, count, folder, env = {}) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [CHILD, mode, seal, String(count), folder], {
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`${mode} ${seal} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
