/**
 * Programs that run other people's code, with the package as it is packed. They come from a folder of their own:
 * npm i --no-save --prefix .peers jest@30 pm2@7
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { faultsOf, inFolder, linesOf, WHOLE } from "./support.js";
import { until } from "../support/until.js";

const root = process.cwd();
const modules = resolve(process.env.AUDIT_PEERS ?? ".peers", "node_modules");
const missing = !existsSync(join(modules, "jest")) && `no Jest and PM2 in ${modules}`;
const skip = process.env.CI ? false : missing;

interface Project {
  readonly folder: string;
  readonly logs: string;
  readonly env: NodeJS.ProcessEnv;
}

/** Gives `work` a project that has the packed package installed, and the programs of `hosts/`. */
function inProject(work: (project: Project) => Promise<void> | void): Promise<void> {
  return inFolder((folder) => {
    const installed = join(folder, "node_modules");
    const into = join(installed, "activity-audit");
    mkdirSync(into, { recursive: true });
    execFileSync("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", folder], {
      cwd: root,
      stdio: "ignore",
    });
    const tarball = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
    execFileSync("tar", ["-xzf", join(folder, tarball), "-C", into, "--strip-components=1"]);
    const { dependencies } = JSON.parse(readFileSync(join(into, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    for (const name of [...Object.keys(dependencies), "log4js", "reflect-metadata"])
      symlinkSync(join(root, "node_modules", name), join(installed, name));
    cpSync(join(root, "spec/writer/hosts"), folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "hosted", private: true }));
    const logs = join(folder, "logs");
    mkdirSync(logs);
    const { NODE_TEST_CONTEXT: _context, NODE_OPTIONS: _options, ...env } = process.env;
    return work({ folder, logs, env: { ...env, AUDIT_DIRECTORY: logs, HOME: folder } });
  });
}

/** How many calls have returned in each process, as each has noted for itself. */
function toldIn(logs: string): Map<number, number> {
  const folder = join(logs, "told");
  return new Map(
    readdirSync(folder).map((pid) => {
      const notes = readFileSync(join(folder, pid), "utf8").split("\n");
      return [Number(pid), Number(notes.at(-2) ?? 0)] as const;
    }),
  );
}

/** Every record that a call has returned for is on file, once. */
function assertAll(logs: string, processes: number): void {
  const told = toldIn(logs);
  assert.equal(told.size, processes);
  assert.deepEqual(faultsOf(linesOf(logs, "api"), told), WHOLE);
}

describe("the packed package", () => {
  for (const [how, flag] of [
    ["in one process", "--runInBand"],
    ["in two workers", "--maxWorkers=2"],
  ] as const) {
    it(`loses nothing under Jest 30, ${how}, and lets it end`, { skip }, () =>
      inProject(({ folder, logs, env }) => {
        for (const copy of ["a", "b"])
          cpSync(join(folder, "jest.test.cjs"), join(folder, `${copy}.test.cjs`));
        writeFileSync(
          join(folder, "jest.config.json"),
          JSON.stringify({ testMatch: ["**/?.test.cjs"], testEnvironment: "node" }),
        );
        const { status, stderr } = spawnSync(
          process.execPath,
          [join(modules, "jest/bin/jest.js"), flag, "--rootDir", folder],
          { cwd: folder, env, encoding: "utf8" },
        );
        assert.equal(status, 0, stderr);
        assert.doesNotMatch(stderr, /did not exit|open handle|force exited/u);
        assert.match(stderr, /Tests: +4 passed/u);
        assertAll(logs, 2);
      }),
    );
  }

  it("loses nothing under node --test", () =>
    inProject(({ folder, logs, env }) => {
      const { status, stdout } = spawnSync(process.execPath, ["--test", "node.test.cjs"], {
        cwd: folder,
        env,
        encoding: "utf8",
      });
      assert.equal(status, 0, stdout);
      assertAll(logs, 1);
    }));

  it("loses nothing when PM2 reloads its cluster", { skip }, () =>
    inProject(async ({ folder, logs, env }) => {
      const writing = async (processes: number): Promise<void> => {
        await until(() => existsSync(join(logs, "told")) && toldIn(logs).size >= processes);
        // And some more of what each writes.
        await delay(200);
      };
      const pm2 = (...args: string[]): void => {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          [join(modules, "pm2/bin/pm2"), ...args],
          {
            cwd: folder,
            env: { ...env, PM2_HOME: join(folder, ".pm2"), PM2_DISCRETE_MODE: "true" },
            encoding: "utf8",
          },
        );
        assert.equal(status, 0, stdout + stderr);
      };
      try {
        // Left to itself PM2 sends SIGKILL after 1.6 seconds, which is soon on a busy machine.
        pm2("start", "service.cjs", "-i", "2", "--name", "service", "--kill-timeout", "60000");
        for (let reloads = 1; reloads <= 2; reloads += 1) {
          await writing(2 * reloads);
          pm2("reload", "service");
        }
        await writing(6);
        pm2("stop", "service");
      } finally {
        pm2("kill");
      }
      assertAll(logs, 6);
    }),
  );
});
