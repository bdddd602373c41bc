import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { buildSync } from "esbuild";
import { inFolder, linesOf, parsed, run } from "./support.js";

const COUNT = 2000;

function assertAll(folder: string, count = COUNT): void {
  const numbers = linesOf(folder, "api").map((line) => parsed(line)?.n);
  assert.deepEqual(
    numbers,
    Array.from({ length: count }, (_, index) => index),
  );
}

/** Bundles the program with esbuild, and runs it; gives what it printed. */
function runBundle(folder: string, entries: Record<string, string>): string {
  const outdir = join(folder, "bundle");
  buildSync({
    entryPoints: entries,
    outdir,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "error",
  });
  return spawnSync(process.execPath, [join(outdir, "app.js"), folder, "bundle", String(COUNT)], {
    encoding: "utf8",
  }).stdout;
}

const app = join(__dirname, "programs", "hosts.js");

describe("the appender", () => {
  it("is found by log4js under its name", () =>
    inFolder(async (folder) => {
      mkdirSync(join(folder, "modules"));
      symlinkSync(process.cwd(), join(folder, "modules", "activity-audit"));
      await run("hosts", [folder, "by-name", String(COUNT)], { NODE_PATH: join(folder, "modules") });
      assertAll(folder);
    }));

  it("loses nothing in a worker thread of the application, although nobody tells that it ends", () =>
    inFolder(async (folder) => {
      await run("hosts", [folder, "worker-thread", String(COUNT)]);
      assertAll(folder);
    }));

  it("loses nothing under Jest, whose process never says that it ends", () =>
    inFolder(async (folder) => {
      await run("hosts", [folder, "kill", String(COUNT)], { JEST_WORKER_ID: "1" });
      assertAll(folder);
    }));

  for (const count of [1, COUNT]) {
    it(`loses nothing of ${count} where no thread may be started: each call writes for itself`, () =>
      inFolder(async (folder) => {
        const permission = process.allowedNodeEnvironmentFlags.has("--permission")
          ? "--permission"
          : "--experimental-permission";
        const { signal } = await run("hosts", [folder, "kill", String(count)], {
          NODE_OPTIONS: `${permission} --allow-fs-read=* --allow-fs-write=*`,
        });
        assert.equal(signal, "SIGKILL");
        assertAll(folder, count);
      }));
  }

  it("writes in a bundle, by the writer thread if that is bundled beside it", () =>
    inFolder((folder) => {
      assert.equal(runBundle(folder, { app, thread: "activity-audit/writer-thread" }), "true");
      assertAll(folder);
    }));

  it("writes in a bundle without a writer thread, each call for itself", () =>
    inFolder((folder) => {
      assert.equal(runBundle(folder, { app }), "false");
      assertAll(folder);
    }));

  it("loses nothing when a cluster is reloaded, worker by worker, by disconnect and by signal", () =>
    inFolder(async (folder) => {
      const { output } = await run("hosts", [folder, "cluster-reload", "50"]);
      const told = Object.entries(JSON.parse(output) as Record<string, number>);
      assert.equal(told.length, 6);
      const records = linesOf(folder, "api").map(parsed);
      for (const [pid, count] of told) {
        const numbers = records.filter((record) => record?.by === Number(pid)).map((record) => record!.n);
        // What was logged after the last word that arrived is there too.
        assert.ok(numbers.length >= count);
        assert.deepEqual(
          numbers,
          Array.from(numbers, (_, index) => index),
        );
      }
      assert.ok(records.every(Boolean), "none is torn");
    }));

  it("takes the events that log4js's own clustering sends to the primary", () =>
    inFolder(async (folder) => {
      await run("hosts", [folder, "log4js-clustering", String(COUNT)]);
      assertAll(folder);
    }));
});
