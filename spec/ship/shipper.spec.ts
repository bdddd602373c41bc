/**
 * The shipper against a server that is slow, or loses its answers.
 *
 * @module
 */
import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import type { Server } from "#dist/ship/clickhouse";
import { Shipper } from "#dist/ship/shipper";
import { until } from "../support/until.js";

function shipping(send: Server["send"]) {
  const folder = mkdtempSync(join(tmpdir(), "shipper-"));
  const spool = join(folder, "records.ndjson");
  writeFileSync(spool, "1\n2\n");
  const server = { url: "", database: "", table: "", username: "", password: "", requestTimeoutMs: 1 };
  const shipper = new Shipper(
    { spool, server, maxSpoolBytes: 1 << 20, batchBytes: 65_536, intervalMs: 10, maxRetryMs: 250 },
    { send, close: async () => {} },
    () => {},
  );
  return {
    spool,
    shipper,
    async [Symbol.asyncDispose]() {
      await shipper.stop(0);
      rmSync(folder, { recursive: true });
    },
  };
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
});
