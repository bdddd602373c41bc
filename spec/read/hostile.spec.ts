/**
 * Records of which any part was replaced by anything: no command fails at them, and none writes to the terminal.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cli } from "./cli.js";
import { makeRecords, randomOf, temporaryFolder, type Made } from "./trail.js";

const SEED = Number(process.env["HOSTILE_SEED"] ?? Date.now() % 1e9);
const folder = temporaryFolder();

const deep = (levels: number): unknown => JSON.parse("[".repeat(levels) + "]".repeat(levels));
const VALUES: readonly unknown[] = [
  null,
  0,
  -1,
  1e308,
  5,
  true,
  "",
  "x",
  "\u001b[31m\u0007\u009b",
  "\ud800",
  "__proto__",
  "9".repeat(400),
  [],
  {},
  [null, {}],
  { id: null },
  { id: { id: 1 } },
  { from: 1 },
  deep(300),
  JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1, "toString": "x"}'),
];

/** Replaces some parts, at any depth; the time stays, so that the line stays a record. */
function spoiled(value: unknown, random: (below: number) => number): unknown {
  if (random(12) === 0) return VALUES[random(VALUES.length)];
  if (Array.isArray(value)) return value.map((one) => spoiled(one, random));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, spoiled(one, random)]));
}

describe(`commands on records of any form (HOSTILE_SEED=${SEED})`, () => {
  before(() => {
    const random = randomOf(SEED);
    const lines = makeRecords(1500, SEED).map((record) => {
      const { timestamp, name } = record;
      const asked =
        random(3) === 0 ? { request_id: "r" } : random(3) === 0 ? { model: "M", instance_id: "1" } : {};
      return JSON.stringify({ ...(spoiled({ ...record, ...asked }, random) as Made), timestamp, name });
    });
    const garbage = lines.slice(0, 40).map((line) => line.slice(random(line.length)));
    writeFileSync(join(folder.path, "audit.log"), [...lines, ...garbage, ""].join("\n"));
  });
  after(() => folder[Symbol.dispose]());

  const commands = [
    ["tail", "-n", "2000"],
    ["timeline", "r"],
    ["history", "M", "1", "--reads"],
    ["as-of", "M", "1", "now"],
    ["query", "--text", "x"],
    ["query", "--status", "5xx", "--route", "*"],
    ["stats"],
    ...["csv", "ndjson", "ocsf", "ecs", "cloudevents"].map((format) => ["export", "--format", format]),
  ];
  for (const command of commands) {
    it(command.join(" "), async () => {
      const engines = ["query", "stats", "export"].includes(command[0]!) ? ["js", "duckdb"] : [undefined];
      const human = command[0] !== "export";
      for (const more of engines.flatMap((engine) =>
        [[], ...(human ? [["--json"]] : [])].map((json) => [
          ...(engine ? ["--engine", engine] : []),
          ...json,
        ]),
      )) {
        const { code, stdout, stderr } = await cli([...command, ...more, "-d", folder.path]);
        assert.ok(code === 0 || code === 1, `${more.join(" ")}: ${stderr}`);
        assert.doesNotMatch(stderr, /error|Error/u);
        // oxlint-disable-next-line no-control-regex
        if (human) assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/u);
        if (more.includes("--json")) for (const line of stdout.split("\n").filter(Boolean)) JSON.parse(line);
      }
      assert.ok(!("polluted" in {}));
    });
  }
});
