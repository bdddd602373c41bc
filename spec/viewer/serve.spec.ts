/**
 * `activity-audit serve`, as a process.
 *
 * @module
 */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

const CLI = ["dist/cli/main.js", "serve"];
const env = { ...process.env, NO_COLOR: "1" };

describe("activity-audit serve", () => {
  it("says where the trail is shown, shows it there, and ends when it is told to", async () => {
    const directory = mkdtempSync(join(tmpdir(), "serve-"));
    writeFileSync(
      join(directory, "audit.log"),
      '{"timestamp":"2026-11-24 08:00:00.000","name":"audit.event","outcome":"success"}\n',
    );
    const child = spawn(process.execPath, [...CLI, "--dir", directory, "--port", "0"], {
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const [said] = (await once(child.stdout, "data")) as [Buffer];
      const url = said.toString().trim();
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/$/u);
      const answer = await fetch(`${url}api/density`);
      assert.equal(((await answer.json()) as { count: number }).count, 1);
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      assert.deepEqual(await ended, [0, null]);
    } finally {
      child.kill("SIGKILL");
      rmSync(directory, { recursive: true });
    }
  });

  it("says which port cannot be one", () => {
    for (const port of ["70000", "http", "-1", "1.5"]) {
      const { status, stderr } = spawnSync(process.execPath, [...CLI, `--port=${port}`], {
        env,
        encoding: "utf8",
      });
      assert.equal(status, 2, port);
      assert.match(stderr, /option '--port <number>' argument/u);
    }
  });
});
