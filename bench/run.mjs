/**
 * `npm run bench -- SUITE… [--json] [--rounds N] [--write]`: measures us and our peers, interleaved, in one run.
 *
 * A suite is `bench/<suite>.mjs`; its one export `bench({ rounds, report, progress })` calls `report` once for each
 * figure. With `--json` one object a line and nothing else goes to standard output; `--write` puts the table into
 * `bench/README.md`. Without a name all suites run.
 *
 * @module
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    rounds: { type: "string", default: "7" },
    write: { type: "boolean", default: false },
  },
});
const rounds = Number(options.rounds);
const known = readdirSync(new URL(".", import.meta.url))
  .filter((name) => name.endsWith(".mjs") && name !== "run.mjs")
  .map((name) => name.slice(0, -".mjs".length));
const suites = positionals.length > 0 ? positionals : known;
const unknown = suites.find((suite) => !known.includes(suite));
if (unknown !== undefined || !Number.isInteger(rounds) || rounds < 1) {
  console.error(`There is no suite "${unknown}", or --rounds is no number. Suites: ${known.join(", ")}.`);
  process.exit(2);
}

for (const suite of suites) {
  const lines = [];
  const { bench } = await import(`./${suite}.mjs`);
  await bench({
    rounds,
    report: (figure) => {
      const line = judged(suite, figure);
      lines.push(line);
      if (options.json) process.stdout.write(`${JSON.stringify(line)}\n`);
    },
    progress: (text) => process.stderr.write(`${suite}: ${text}\n`),
  });
  if (!options.json) process.stdout.write(table(lines));
  if (options.write) writeTable(suite, lines);
}

/** A figure as it is printed: `{ metric, against, value, target, better, ok, rounds }`, or `value: null` and why. */
function judged(suite, { metric, against, value, target = null, better = "lower", reason }) {
  const rounded = value === null ? null : Number(value.toPrecision(4));
  const meets = better === "lower" ? rounded <= target : rounded >= target;
  const ok = target === null || rounded === null ? null : meets;
  return { suite, metric, against, value: rounded, target, better, ok, rounds, ...(reason && { reason }) };
}

function table(lines) {
  const rows = lines.map(({ metric, against, value, target, better, ok, reason }) => [
    metric,
    against,
    value === null ? `not measured: ${reason}` : String(value),
    target === null ? "" : `${better === "lower" ? "≤" : "≥"} ${target}`,
    ok === null ? "" : ok ? "yes" : "**no**",
  ]);
  const cells = [
    ["metric", "against", "value", "target", "met"],
    ["---", "---", "---", "---", "---"],
    ...rows,
  ];
  return cells.map((row) => `| ${row.join(" | ")} |\n`).join("");
}

/** Replaces the suite's table in the README, between its two comments. */
function writeTable(suite, lines) {
  const file = new URL("README.md", import.meta.url);
  const text = existsSync(file) ? readFileSync(file, "utf8") : "# Benchmarks\n";
  const [begin, end] = [`<!-- ${suite} -->`, `<!-- /${suite} -->`];
  const node = process.version.split(".")[0];
  const day = new Date().toISOString().slice(0, 10);
  const head = `${day}, Node ${process.version}, ${cpus().length} × ${cpus()[0].model}, ${rounds} rounds:`;
  const part = `<!-- ${node} -->\n\n${head}\n\n${table(lines)}\n<!-- /${node} -->`;
  const at = text.indexOf(begin);
  const old = at < 0 ? "" : text.slice(at + begin.length, text.indexOf(end));
  const others = old.replace(new RegExp(`<!-- ${node} -->[^]*<!-- /${node} -->`, "u"), "").trim();
  const block = `${begin}\n\n${[part, others].filter(Boolean).join("\n\n")}\n\n${end}`;
  const replaced =
    at < 0
      ? `${text}\n## ${suite}\n\n${block}\n`
      : text.slice(0, at) + block + text.slice(text.indexOf(end) + end.length);
  writeFileSync(file, replaced);
}
