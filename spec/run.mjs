/**
 * Runs the compiled specs, and fails when there is nothing to run.
 *
 * Node 20's own runner takes no globs and finds only `*.test.js` in a folder, so the files are named here.
 * Words on the command line narrow the run: `node spec/run.mjs capture/axios` runs the files whose path has them.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const words = process.argv.slice(2);
const files = ["build/spec", "build/spec-standard"].flatMap((folder) =>
  readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(".spec.js"))
    .map((name) => join(folder, name))
    .filter((path) => words.length === 0 || words.some((word) => path.includes(word)))
    .toSorted(),
);
if (files.length === 0) {
  console.error("No spec file found: nothing was tested.");
  process.exit(1);
}
const { status } = spawnSync(
  process.execPath,
  ["--enable-source-maps", "--test", "--test-concurrency=2", "--test-reporter=spec", ...files],
  { stdio: "inherit" },
);
process.exit(status ?? 1);
