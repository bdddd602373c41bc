/**
 * Containers on one volume: process ids say little there. The first process of each is 1, and one that is started again
 * has the ids, and mostly the name, that it had before it was killed.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { Backups } from "#dist/writer/backups";
import { inFolder, settings, writing } from "./support.js";
import { until } from "../support/until.js";

const MINUTE = 60_000;

describe("a lock that a killed process has left in a rotation", () => {
  const OWNERS: [string, string, number, boolean][] = [
    ["by our own id, from before we began", `${hostname()} ${process.pid}`, 60 * MINUTE, true],
    ["by our own id, since we began", `${hostname()} ${process.pid}`, 0, false],
    ["by the id of somebody else now, long ago", `${hostname()} ${process.ppid}`, 6 * MINUTE, true],
    ["by the id of somebody who lives, lately", `${hostname()} ${process.ppid}`, MINUTE, false],
    ["of another container, some time ago", "another 1", MINUTE, true],
    ["of another container, right now", "another 1", 0, false],
  ];
  for (const [owner, token, age, takenOver] of OWNERS) {
    it(`${owner}, is ${takenOver ? "taken over" : "respected"}`, () =>
      inFolder((folder) =>
        writing(folder, { maxBytes: 5 }, (writer) => {
          const lock = join(folder, "a.log.lock");
          writer.write("1234", "os");
          writeFileSync(lock, `${token} abc`);
          const then = new Date(Date.now() - age);
          utimesSync(lock, then, then);
          writer.write("5678", "os");
          assert.equal(readFileSync(join(folder, "a.log"), "utf8"), takenOver ? "5678\n" : "1234\n5678\n");
          assert.equal(existsSync(lock), !takenOver);
        }),
      ));
  }
});

describe("a lock that a thread of ours has left, which was ended in a rotation", () => {
  it("is waited for once, and taken over when no rotation can take so long", () =>
    inFolder((folder) =>
      writing(folder, { maxBytes: 5 }, async (writer) => {
        const lock = join(folder, "a.log.lock");
        const { wait } = Atomics;
        const { uptime } = process;
        const { now } = performance;
        let waits = 0;
        Atomics.wait = (...args: unknown[]) => {
          waits += 1;
          return wait(...(args as Parameters<typeof wait>));
        };
        process.uptime = () => 3600;
        try {
          writer.write("1234", "os");
          writeFileSync(lock, `${hostname()} ${process.pid} abc`);
          // A second later it is waited for again, and on a busy machine that is soon.
          const at = performance.now();
          performance.now = () => at;
          writer.write("5678", "os");
          const once = waits;
          for (const line of ["9", "10", "11"]) writer.write(line, "os");
          performance.now = now;
          assert.deepEqual([once > 0, waits], [true, once]);
          const then = new Date(Date.now() - 6 * MINUTE);
          utimesSync(lock, then, then);
          await until(() => {
            writer.write("on", "os");
            return readFileSync(join(folder, "a.log"), "utf8") === "on\n";
          });
          assert.ok(!existsSync(lock));
        } finally {
          Atomics.wait = wait;
          process.uptime = uptime;
          performance.now = now;
        }
      }),
    ));
});

describe("a backup that two containers compress at the same time", () => {
  it("is whole when the original is gone", () =>
    inFolder(async (folder) => {
      const backup = join(folder, "a-20260101T000000.000Z-00000001.log");
      const content = randomBytes(16_000_000).toString("base64");
      writeFileSync(backup, content);
      // Their process ids are the same, as two first processes' are.
      const [one, other] = [0, 1].map(() => new Backups(settings(folder, { gzip: true }), 0));
      const first = one!.tidy();
      const partial = (): string | undefined => readdirSync(folder).find((name) => name.startsWith("."));
      await until(() => partial() !== undefined && statSync(join(folder, partial()!)).size > 8_000_000);
      // The other takes the first for dead.
      rmSync(join(folder, "a.log.tidy.lock"));
      const second = other!.tidy();
      await first;
      assert.ok(!existsSync(backup));
      assert.ok(gunzipSync(readFileSync(`${backup}.gz`)).toString() === content);
      await second;
      assert.deepEqual(readdirSync(folder), [`${backup.slice(folder.length + 1)}.gz`]);
      assert.ok(gunzipSync(readFileSync(`${backup}.gz`)).toString() === content);
    }));

  it("is compressed again when one of them was killed over it, whose half is removed some day", () =>
    inFolder(async (folder) => {
      const backup = "a-20260101T000000.000Z-00000001.log";
      writeFileSync(join(folder, backup), "whole\n");
      const others = [`.${backup}.0123456789ab.gz`, `.${backup}.ba9876543210.gz`, ".other.0123456789ab.gz"];
      for (const name of others) writeFileSync(join(folder, name), "half");
      const then = new Date(Date.now() - 61 * MINUTE);
      for (const name of [others[0]!, others[2]!]) utimesSync(join(folder, name), then, then);
      await new Backups(settings(folder, { gzip: true }), 0).tidy();
      assert.deepEqual(readdirSync(folder).toSorted(), [others[1], others[2], `${backup}.gz`].toSorted());
      assert.equal(gunzipSync(readFileSync(join(folder, `${backup}.gz`))).toString(), "whole\n");
    }));
});
