import assert from "node:assert/strict";
import { existsSync, readdirSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Backups } from "#dist/writer/backups";
import type { Durability } from "#dist/writer/protocol";
import { flush } from "#dist/writer/writers";
import { cannotMount, mountOver, onDisk } from "../support/mounts.js";
import { inFolder, linesOf, run, settings, untilFailing, writing } from "./support.js";
import { until } from "../support/until.js";

const DISK = 2_000_000;

/** A file that leaves about `left` bytes of the disk. */
function fill(folder: string, left: number): string {
  const path = join(folder, "filler");
  writeFileSync(path, Buffer.alloc(DISK - left));
  return path;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${index} ${"x".repeat(500)}`);
}

/** Each of `lines` stands in the files once and in order; beside them only beginnings of them. */
function assertLines(folder: string, lines: readonly string[]): void {
  const known = new Set(lines);
  const found = linesOf(folder, "a");
  assert.deepEqual(
    found.filter((line) => known.has(line)),
    lines,
  );
  const others = found.filter((line) => !known.has(line));
  for (const other of others) assert.ok(lines.some((line) => line.startsWith(other)));
}

describe("a disk", { skip: cannotMount() }, () => {
  for (const durability of ["memory", "os"] as const) {
    it(`that fills up takes what it can, and the rest when there is space (${durability})`, () =>
      onDisk(DISK, (folder) =>
        writing(folder, { ringBytes: 1 << 20 }, async (writer) => {
          const filler = fill(folder, 100_000);
          const lines = numbered(1000);
          for (const line of lines) assert.ok(writer.write(line, durability));
          await untilFailing(writer);
          assert.match(writer.health().last_error!, /ENOSPC/u);
          const before = linesOf(folder, "a").length;
          assert.ok(before > 100, `${before} lines had space`);
          unlinkSync(filler);
          await flush();
          assertLines(folder, lines);
          assert.deepEqual([writer.health().state, writer.health().dropped], ["ok", 0]);
        }),
      ));

    it(`that is full for longer than the ring lasts loses the rest, and says how much (${durability})`, () =>
      onDisk(DISK, (folder) =>
        writing(folder, {}, async (writer) => {
          const filler = fill(folder, 100_000);
          const lines = numbered(1000);
          // Until it is full by this thread: another one would make room in the ring for lines between those it loses.
          const next = (): Durability => (writer.health().state === "ok" ? "os" : durability);
          const kept = lines.filter((line) => writer.write(line, next()));
          const { dropped } = writer.health();
          assert.deepEqual([dropped > 0, kept.length], [true, 1000 - dropped]);
          unlinkSync(filler);
          await until(() => writer.health().state === "ok");
          await flush();
          const gap = linesOf(folder, "a").filter((line) => line.startsWith("gap "));
          assert.deepEqual(gap, [`gap ${dropped}: the ring was full`]);
          assertLines(folder, [...kept, ...gap]);
        }),
      ));

    it(`that becomes read-only is waited for (${durability})`, () =>
      inFolder((folder) =>
        writing(folder, {}, async (writer) => {
          writer.write("1", durability);
          await flush();
          const unmount = mountOver(folder, "ro");
          writer.write("2", durability);
          await untilFailing(writer);
          assert.match(writer.health().last_error!, /EROFS/u);
          writer.write("3", durability);
          unmount();
          await flush();
          assert.deepEqual(linesOf(folder, "a"), ["1", "2", "3"]);
          assert.deepEqual([writer.health().state, writer.health().dropped], ["ok", 0]);
        }),
      ));
  }

  it("that is full of backups gets room by those that are beyond what is kept", () =>
    onDisk(DISK, async (folder) => {
      const backups = [1, 2, 3].map((day) => `a-2026010${day}T000000.000Z-0000000${day}.log`);
      for (const name of backups) writeFileSync(join(folder, name), Buffer.alloc(100_000));
      assert.throws(() => fill(folder, 0), { code: "ENOSPC" });
      const tidier = new Backups(settings(folder, { gzip: true, keep: { files: 1 } }), 60_000);
      await tidier.tidy();
      tidier.stop();
      assert.deepEqual(readdirSync(folder).toSorted(), [backups[2], "filler"]);
    }));

  it("that is full does not keep a lock that names nobody", () =>
    onDisk(DISK, (folder) =>
      writing(folder, { maxBytes: 100_000, ringBytes: 1 << 20 }, async (writer) => {
        const filler = fill(folder, 100_000);
        const lines = numbered(1000);
        for (const line of lines) writer.write(line, "os");
        assert.equal(writer.health().state, "failing");
        assert.ok(!existsSync(join(folder, "a.log.lock")));
        unlinkSync(filler);
        await flush();
        assertLines(folder, lines);
        assert.ok(readdirSync(folder).length > 3, "it was rotated again");
      }),
    ));
});

/** What the program of a process that loses rights has found. */
async function asNobody(how: string): Promise<Record<string, Record<string, unknown>>> {
  let output = "";
  await inFolder(async (folder) => {
    ({ output } = await run("unprivileged", [folder, how]));
  });
  return JSON.parse(output) as Record<string, Record<string, unknown>>;
}

describe("a process that loses its rights", { skip: cannotMount() }, () => {
  const ok = { state: "ok", dropped: 0 };

  for (const durability of ["memory", "os"]) {
    it(`to rename its file goes on in it beyond its limit, and rotates when it may again (${durability})`, async () => {
      const { refused, allowed } = await asNobody(`no-rotation:${durability}`);
      const { error, ...others } = refused!;
      assert.deepEqual(others, { lines: 60, files: 1, told: true, ...ok });
      assert.match(error as string, /EACCES/u);
      assert.deepEqual(allowed, { lines: 90, rotated: true, ...ok });
    });

    it(`to search the folder goes on in the file that is open (${durability})`, async () => {
      assert.deepEqual(await asNobody(`no-search:${durability}`), { lines: 3, ...ok });
    });

    it(`to make the file again waits until it may (${durability})`, async () => {
      const { error, ...others } = await asNobody(`no-open:${durability}`);
      assert.match(String(error), /EACCES/u);
      assert.deepEqual(others, { lines: ["1", "2"], ...ok });
    });
  }
});
