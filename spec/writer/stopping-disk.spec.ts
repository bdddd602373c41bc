import assert from "node:assert/strict";
import { existsSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { WriterSettings } from "#dist/writer/protocol";
import type { Writer } from "#dist/writer/writer";
import { flush } from "#dist/writer/writers";
import { inFolder, linesOf, writing } from "./support.js";
import { until } from "../support/until.js";

const LINE = "x".repeat(999);
const { wait } = Atomics;
let waits = 0;

/** Runs `work` while the writer thread stands in its first `write`, and `after` when that has returned. */
function onStoppingDisk(
  options: Partial<WriterSettings>,
  work: (writer: Writer) => void,
  after: (writer: Writer, lines: () => string[]) => Promise<void>,
): Promise<void> {
  const threadFile = join(__dirname, "programs", "stopping-thread.js");
  return inFolder((folder) =>
    writing(folder, { threadFile, ...options }, async (writer) => {
      const stopped = join(folder, "stopped");
      writer.write("first", "memory");
      await until(() => existsSync(stopped));
      counted(() => work(writer));
      unlinkSync(stopped);
      await after(writer, () => linesOf(folder, "a"));
    }),
  );
}

/** Counts in `waits` how often this thread waits meanwhile. */
function counted(work: () => void): void {
  waits = 0;
  Atomics.wait = (...args: unknown[]) => {
    waits += 1;
    return wait(...(args as Parameters<typeof wait>));
  };
  try {
    work();
  } finally {
    Atomics.wait = wait;
  }
}

describe("a disk that stops", () => {
  it("is not waited for while the ring has room", () =>
    onStoppingDisk(
      { ringBytes: 1 << 20 },
      (writer) => {
        for (let index = 0; index < 1000; index += 1) assert.ok(writer.write(LINE, "memory"));
        assert.equal(waits, 0);
      },
      async (_writer, lines) => {
        await flush();
        assert.deepEqual(lines(), ["first", ...Array.from({ length: 1000 }, () => LINE)]);
      },
    ));

  it("is waited for once by lines that have to be written before their call returns; then they are queued", () =>
    onStoppingDisk(
      {},
      (writer) => {
        assert.ok(writer.write("1", "os"));
        const once = waits;
        assert.ok(once > 0);
        for (const text of ["2", "3"]) assert.ok(writer.write(text, "os"));
        assert.equal(waits, once);
        assert.equal(writer.health().state, "slow");
      },
      async (writer, lines) => {
        await flush();
        assert.equal(writer.health().state, "ok");
        writer.write("4", "os");
        assert.deepEqual(lines(), ["first", "1", "2", "3", "4"]);
      },
    ));

  it("for longer than the ring lasts is waited for once, costs lines, and these are told of", async () => {
    let kept = 0;
    await onStoppingDisk(
      { onFull: "block" },
      (writer) => {
        while (writer.write(LINE, "memory")) kept += 1;
        const once = waits;
        assert.ok(once > 0);
        for (let index = 0; index < 9; index += 1) assert.ok(!writer.write(LINE, "memory"));
        assert.equal(waits, once);
        assert.equal(writer.health().state, "full");
      },
      async (writer, lines) => {
        await until(() => writer.health().state === "ok");
        await flush();
        const gap = "gap 10: the ring was full for 50 ms";
        assert.deepEqual(lines(), ["first", ...Array.from({ length: kept }, () => LINE), gap]);
      },
    );
  });
});
