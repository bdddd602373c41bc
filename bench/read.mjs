/**
 * Questions to a trail of 1.3 GB (`AUDIT_READ_RECORDS` makes it shorter), by the command line, from its start to its end: the first one,
 * which converts the backups, the ones after it, and those that JavaScript answers.
 *
 * @module
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeTrail } from "./read/trail.mjs";

const require = createRequire(import.meta.url);
const { findFiles } = require("../dist/read/files.js");
const { readLines } = require("../dist/read/lines.js");
const COUNT = Number(process.env.AUDIT_READ_RECORDS ?? 1_000_000);
const MB = 1e6;
const command = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const meter = fileURLToPath(new URL("read/meter.cjs", import.meta.url));

export async function bench({ rounds, report, progress }) {
  const folder = mkdtempSync(join(tmpdir(), "bench-read-"));
  try {
    progress(`writing ${COUNT} records`);
    const bytes = writeTrail(folder, COUNT);
    progress(`a trail of ${Math.round(bytes / MB)} MB`);
    const failures = ["query", "--status", "5xx", "--user", "7", "--json"];
    const ask = (...args) => asked(folder, args);

    const first = ask(...failures);
    report({ metric: "first_question_mb_per_second", value: bytes / MB / first.seconds, better: "higher" });
    report({ metric: "first_question_peak_mb", value: first.memory / MB });
    const cache = join(folder, ".cache");
    const cached = readdirSync(cache).reduce((sum, name) => sum + statSync(join(cache, name)).size, 0);
    report({ metric: "cache_size", against: "trail", value: cached / bytes });

    const questions = {
      query: failures,
      stats: ["stats", "--json"],
      sql: [
        "query",
        "--json",
        "--sql",
        "SELECT route, quantile_disc(execution_time, 0.99) FROM records GROUP BY ALL",
      ],
    };
    for (const [name, args] of Object.entries(questions)) {
      const answers = Array.from({ length: rounds }, () => ask(...args));
      const seconds = median(answers.map((answer) => answer.seconds));
      report({ metric: `second_${name}_seconds`, value: seconds });
      report({
        metric: `second_${name}_seconds`,
        against: "first_question",
        value: seconds / first.seconds,
        target: 0.2,
      });
      report({
        metric: `second_${name}_bytes_read`,
        against: "trail",
        value: median(answers.map((one) => one.read)) / bytes,
        target: 0.15,
      });
    }

    const withJs = {
      timeline: ["timeline", `req-${COUNT >> 1}`, "--json"],
      query_js: [...failures, "--engine", "js"],
      stats_js: ["stats", "--json", "--engine", "js"],
    };
    for (const [name, args] of Object.entries(withJs)) {
      const answers = Array.from({ length: Math.min(rounds, 3) }, () => ask(...args));
      report({
        metric: `${name}_mb_per_second`,
        value: bytes / MB / median(answers.map((one) => one.seconds)),
        better: "higher",
      });
      report({ metric: `${name}_peak_mb`, value: Math.max(...answers.map((one) => one.memory)) / MB });
    }
    report({ metric: "lines_mb_per_second", value: await linesPerSecond(folder, bytes), better: "higher" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs one command as its user does, in a process of its own. */
function asked(folder, args) {
  const figures = join(folder, ".meter");
  const begin = performance.now();
  const { status, stderr } = spawnSync(
    process.execPath,
    ["--require", meter, command, ...args, "--dir", folder],
    {
      env: { ...process.env, METER: figures },
      encoding: "utf8",
      maxBuffer: 1 << 30,
    },
  );
  const seconds = (performance.now() - begin) / 1000;
  if (status !== 0) throw new Error(`${args.join(" ")} ended with ${status}: ${stderr}`);
  return { seconds, ...JSON.parse(readFileSync(figures, "utf8")) };
}

async function linesPerSecond(folder, bytes) {
  const begin = performance.now();
  let lines = 0;
  for (const file of await findFiles(folder))
    for await (const batch of readLines(file)) lines += batch.length;
  if (lines !== COUNT) throw new Error(`${lines} lines read of ${COUNT}`);
  return bytes / MB / ((performance.now() - begin) / 1000);
}

function median(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}
