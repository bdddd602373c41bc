/**
 * The shipper against a server that is slow, or loses its answers, and a disk that is full.
 *
 * @module
 */
import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import type { Server } from "#dist/ship/clickhouse";
import type { ShipSettings, ShipState } from "#dist/ship/protocol";
import type { Dropped } from "#dist/ship/room";
import { Shipper } from "#dist/ship/shipper";
import { cannotMount, onDisk } from "../support/mounts.js";
import { until } from "../support/until.js";

interface Given extends Partial<ShipSettings> {
  /** Somebody else's, who removes it. */
  readonly folder?: string;
  isTold?(dropped: Dropped): Promise<boolean>;
}

function shipping(
  send: Server["send"],
  { folder: given, isTold = async () => true, ...settings }: Given = {},
) {
  const folder = given ?? mkdtempSync(join(tmpdir(), "shipper-"));
  const spool = join(folder, "records.ndjson");
  writeFileSync(spool, "1\n2\n");
  const server = { url: "", database: "", table: "", username: "", password: "", requestTimeoutMs: 1 };
  const states: ShipState[] = [];
  const shipper = new Shipper(
    {
      spool,
      server,
      maxSpoolBytes: 1 << 20,
      batchBytes: 65_536,
      intervalMs: 10,
      maxRetryMs: 250,
      ...settings,
    },
    { send, close: async () => {} },
    (news) => void (news.kind === "state" && states.push(news.state)),
    isTold,
  );
  return {
    spool,
    backup: join(folder, "records-20260101T000000.000Z-00000001.ndjson"),
    shipper,
    states,
    async [Symbol.asyncDispose]() {
      await shipper.stop(0);
      if (given === undefined) rmSync(folder, { recursive: true });
    },
  };
}

/** As if what was done to files until now had been done some time ago. */
function later(test: TestContext): void {
  const { now } = Date;
  test.mock.method(Date, "now", () => now() + 60_000);
}

describe("the shipper", () => {
  it("sends a batch again as it was, so that the server knows it, whatever was appended since", async () => {
    const sent: string[] = [];
    await using one = shipping(async (lines) => {
      sent.push(lines.toString());
      if (sent.length > 2) return;
      appendFileSync(one.spool, "3\n");
      throw new Error("the answer was lost");
    });
    one.shipper.start();
    await until(() => sent.length > 3);
    assert.deepEqual(sent, ["1\n2\n", "1\n2\n", "1\n2\n", "3\n3\n"]);
  });

  it("says that it lives also while the server does not answer", async () => {
    await using one = shipping(
      (_lines, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        }),
    );
    one.shipper.start();
    const lock = `${one.spool}.ship.lock`;
    await until(() => statSync(lock, { throwIfNoEntry: false }) !== undefined);
    utimesSync(lock, 0, 0);
    await until(() => statSync(lock).mtimeMs > 0);
  });

  for (const [what, isOld] of [
    ["that was just made, however old its last line is", false],
    ["while the server takes its time", true],
  ] as const) {
    it(`also sends what a process that has not seen the rotation appends to a backup ${what}`, async (test) => {
      const sent: string[] = [];
      await using one = shipping(async (lines) => {
        sent.push(lines.toString());
        if (sent.length === 1) appendFileSync(one.backup, "3\n");
      });
      utimesSync(one.spool, 0, 0);
      renameSync(one.spool, one.backup);
      if (isOld) later(test);
      one.shipper.start();
      await until(() => one.states.length > 2);
      assert.deepEqual(sent, ["1\n2\n", "3\n"]);
      if (isOld) await until(() => !existsSync(one.backup));
    });
  }

  it("keeps what it gives up until a record tells of it", async (test) => {
    const asked: Dropped[] = [];
    let answer: ((isTold: boolean) => void) | undefined;
    const isTold = (dropped: Dropped): Promise<boolean> => {
      asked.push(dropped);
      return new Promise((resolve) => (answer = resolve));
    };
    await using one = shipping(() => Promise.reject(new Error("away")), { isTold, maxSpoolBytes: 3 });
    renameSync(one.spool, one.backup);
    later(test);
    one.shipper.start();
    for (const told of [false, true]) {
      await until(() => asked.length === (told ? 2 : 1));
      assert.deepEqual([asked.at(-1)!.count, existsSync(one.backup)], [2, true]);
      answer!(told);
    }
    await until(() => one.states.at(-1)?.dropped === 2);
    assert.deepEqual([existsSync(one.backup), one.states.at(-1)!.waiting_bytes], [false, 0]);
  });

  it(
    "deletes what was sent, and sends it once, also on a disk that is full",
    { skip: cannotMount() },
    (test) =>
      onDisk(1_000_000, async (folder) => {
        const sent: string[] = [];
        let isThere = false;
        await using one = shipping(
          async (lines) => {
            if (!isThere) throw new Error("away");
            sent.push(lines.toString());
          },
          { folder },
        );
        renameSync(one.spool, one.backup);
        later(test);
        one.shipper.start();
        await until(() => one.states.length > 0);
        assert.throws(() => writeFileSync(join(folder, "filler"), Buffer.alloc(2_000_000)), {
          code: "ENOSPC",
        });
        isThere = true;
        await until(() => !existsSync(one.backup));
        assert.deepEqual(sent, ["1\n2\n"]);
      }),
  );

  it("goes on when it cannot look at its spool for a moment", async () => {
    const sent: string[] = [];
    await using one = shipping(async (lines) => void sent.push(lines.toString()));
    unlinkSync(one.spool);
    symlinkSync(one.spool, one.spool);
    one.shipper.start();
    await until(() => one.states.some(({ last_error }) => last_error?.includes("ELOOP")));
    unlinkSync(one.spool);
    writeFileSync(one.spool, "1\n");
    await until(() => sent.length > 0);
    assert.deepEqual(sent, ["1\n"]);
  });
});
