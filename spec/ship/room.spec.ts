/**
 * What is told of records that are given up, also when the record that told of earlier ones is among them.
 */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { trailRecord } from "#dist/log/appender";
import { unsentOf } from "#dist/ship/room";
import { spoolFiles } from "#dist/ship/spool";

const at = (second: number) => `2026-01-05 09:12:${String(second).padStart(2, "0")}.000`;
const event = (second: number) => ({ timestamp: at(second), name: "audit.event" });

describe("records that are given up", () => {
  it("are told from the first to the last", () => {
    assert.deepEqual(unsent([event(10), event(11), event(12)]), {
      from: at(10),
      to: at(12),
      count: 3,
      toldBefore: 0,
    });
  });

  it("are told with those that a record among them told of", () => {
    const gap = trailRecord("GAP", { from: at(1), to: at(9), count: 700, why: "full" });
    const other = trailRecord("GAP", { from: null, to: null, count: 20, why: "full" });
    const lines = [event(10), { ...gap, timestamp: at(11) }, { ...other, timestamp: at(12) }, event(13)];
    assert.deepEqual(unsent(lines), { from: at(1), to: at(13), count: 722, toldBefore: 720 });
  });

  it("are counted by lines where somebody else wrote the words of such a record", () => {
    const words = { ...event(10), extra: { event_type: "GAP", details: { count: 5 } } };
    const noCount = { timestamp: at(11), name: "audit.trail", event_type: "GAP", details: { count: "5" } };
    assert.deepEqual(unsent([words, noCount]), { from: at(10), to: at(11), count: 2, toldBefore: 0 });
  });
});

function unsent(records: readonly object[]): unknown {
  const folder = mkdtempSync(join(tmpdir(), "audit-room-"));
  try {
    const path = join(folder, "records.ndjson");
    writeFileSync(path, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    return unsentOf(spoolFiles(path, Date.now())[0]!, 0);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
