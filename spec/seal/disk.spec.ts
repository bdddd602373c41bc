import assert from "node:assert/strict";
import { appendFileSync, readFileSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { sealSettings } from "#dist/log/seal";
import { verify } from "#dist/read/verify/verify";
import { flush } from "#dist/writer/writers";
import { cannotMount, onDisk } from "../support/mounts.js";
import { inFolder, untilFailing, writing } from "../writer/support.js";
import { faultsOfChains, sealedIn } from "./truth.js";
import { until } from "../support/until.js";

const KEY = "a key of the specs, 32 bytes long";
const key = Buffer.from(KEY);
const DISK = 2_000_000;

function lines(count: number): string[] {
  return Array.from({ length: count }, (_, n) => JSON.stringify({ n, text: "x".repeat(500) }));
}

/** The records in the folder that are not checkpoints, in the order of their chain. */
function numbers(folder: string): number[] {
  const found = sealedIn(folder).filter(({ record }) => record.event_type === undefined);
  return found.toSorted((a, b) => a.seq - b.seq).map(({ record }) => record.n as number);
}

describe("a sealed file", () => {
  for (const durability of ["memory", "os"] as const) {
    it(
      `on a disk that fills up goes on with its chain when there is space (${durability})`,
      { skip: cannotMount() },
      () =>
        onDisk(DISK, async (folder) => {
          const seal = sealSettings({ key: KEY, checkpointEvery: { records: 50 } })!;
          await writing(folder, { ringBytes: 1 << 20, seal }, async (writer) => {
            writeFileSync(join(folder, "filler"), Buffer.alloc(DISK - 100_000));
            for (const line of lines(1000)) assert.ok(writer.write(line, durability));
            await untilFailing(writer);
            unlinkSync(join(folder, "filler"));
            await flush();
            assert.equal(writer.health().state, "ok");
          });
          assert.deepEqual(faultsOfChains(folder, KEY), []);
          assert.deepEqual(
            numbers(folder),
            lines(1000).map((_, n) => n),
          );
          const { status, findings } = await verify(folder, { key });
          assert.deepEqual({ status, findings }, { status: "intact", findings: [] });
        }),
    );
  }

  it("that is moved away goes on in a new one, and is missed until it is there again", () =>
    inFolder(async (folder) => {
      const seal = sealSettings({ key: KEY })!;
      await writing(folder, { seal }, (writer) => {
        writer.write('{"n":0}', "os");
        renameSync(join(folder, "a.log"), join(folder, "elsewhere"));
        writer.write('{"n":1}', "os");
      });
      const { findings } = await verify(folder, { key });
      assert.deepEqual([findings.length, findings[0]?.kind], [1, "missing-file"]);
      renameSync(join(folder, "elsewhere"), join(folder, "a-20260101T000000.000Z-00000000.log"));
      assert.deepEqual((await verify(folder, { key })).status, "intact");
      assert.deepEqual(numbers(folder), [0, 1]);
    }));

  it("that is deleted has a checkpoint first in the next, also where that gets the inode", () =>
    inFolder(async (folder) => {
      const path = join(folder, "a.log");
      await writing(folder, { seal: sealSettings(true)!, maxBytes: 3000 }, async (writer) => {
        // Rotated by the thread, so that nobody else has the last file open.
        for (const line of lines(10)) writer.write(line, "memory");
        await flush();
        unlinkSync(path);
        writer.write('{"n":10}', "memory");
        await flush();
      });
      const [first] = sealedIn(folder).filter(({ file }) => file === "a.log");
      assert.equal(first?.record.details?.reason, "file");
    }));

  it("that is emptied from outside, or written to by others, shows it", () =>
    inFolder(async (folder) => {
      const seal = sealSettings({ key: KEY })!;
      const path = join(folder, "a.log");
      await writing(folder, { seal }, (writer) => {
        writer.write('{"n":0}', "os");
        writeFileSync(path, "");
        writer.write('{"n":1}', "os");
        appendFileSync(path, '{"n":"made up"}\n');
      });
      const { findings } = await verify(folder, { key });
      assert.deepEqual(
        findings.map(({ kind, line, count }) => [kind, line, count]),
        [
          ["deleted", 1, 2],
          ["inserted", 2, 1],
        ],
      );
    }));

  for (const durability of ["memory", "os"] as const) {
    it(`gets its checkpoint in time, also when nothing more is written (${durability})`, () =>
      inFolder(async (folder) => {
        const seal = sealSettings({ checkpointEvery: { seconds: 1 } })!;
        await writing(folder, { seal }, async (writer) => {
          writer.write('{"n":0}', durability);
          await until(() => readFileSync(join(folder, "a.log"), "utf8").includes('"reason":"interval"'));
          assert.equal(sealedIn(folder).length, 3);
        });
        assert.deepEqual(faultsOfChains(folder), []);
      }));
  }
});
