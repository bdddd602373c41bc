/**
 * Runs the compiled specs, and fails when there is nothing to run.
 *
 * Node 20's own runner takes no globs and finds only `*.test.js` in a folder, so the files are named here.
 * Words on the command line narrow the run: `node spec/run.mjs capture/axios` runs the files whose path has them.
 * The specs that go through TypeORM are run a second time, on TypeORM 0.3, their random work for a shorter time;
 * `ROWS_TYPEORM=1` leaves that out.
 */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";

/** The longest file takes a minute and a half; on a machine that is busy, many. One that waits for what never comes would hold up all others for good. */
const FILE_MS = 12 * 60_000;
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

/**
 * Those of a family's own connection load no TypeORM, and an outbox is below it, but for SQLite's, which has to do with
 * how TypeORM saves sql.js.
 */
const onTypeOrm = files.filter(
  (path) =>
    /^build.spec.(?:rows|demo)/.test(path) &&
    !/rows.mysql.|rows.postgres.(?:again|client|contention|same-effect|transactions)\./.test(path) &&
    !/rows.outbox.(?!sqlite)/.test(path),
);
const failed = [
  run("TypeORM 1.x", files),
  onTypeOrm.length > 0 &&
    process.env.ROWS_TYPEORM !== "1" &&
    run("TypeORM 0.3", onTypeOrm, `--require ${resolve("spec/typeorm-0.3.cjs")}`, {
      ROWS_AT_MOST: process.env.ROWS_AT_MOST ?? "300",
    }),
].some(Boolean);
process.exit(failed ? 1 : 0);

/**
 * True when a spec failed. Child processes of the specs inherit `nodeOptions`. Three files at a time, on two cores too:
 * many wait, for servers and for processes.
 */
function run(title, paths, nodeOptions = "", env = {}) {
  console.log(`\n${title}, Node ${process.version}: ${paths.length} files`);
  const { status } = spawnSync(
    process.execPath,
    [
      "--enable-source-maps",
      "--test",
      "--test-concurrency=3",
      `--test-timeout=${FILE_MS}`,
      "--test-reporter=spec",
      ...paths,
    ],
    {
      stdio: "inherit",
      env: {
        ...process.env,
        ...env,
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ""} ${nodeOptions}`.trim(),
      },
    },
  );
  return status !== 0;
}
