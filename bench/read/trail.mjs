/**
 * A trail of requests of 1.3 KB, in backups of 100 MB and a file that is still written, as a busy service leaves it.
 *
 * @module
 */
import { closeSync, openSync, renameSync, writeSync } from "node:fs";
import { join } from "node:path";
import { requestRecord } from "../appender/record.mjs";

const BACKUP_BYTES = 100 << 20;
const START = Date.UTC(2026, 0, 5);
const ROUTES = ["/patients/:id", "/patients", "/wards/:id/moves", "/eligibility/:member", "/samples"];

/** Mulberry32. */
function randomOf(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

/** @returns bytes that were written */
export function writeTrail(folder, count) {
  const random = randomOf(7);
  const live = join(folder, "api.log");
  let file = openSync(live, "w");
  let total = 0;
  let bytes = 0;
  let backups = 0;
  let waiting = "";
  const flush = () => {
    const written = writeSync(file, waiting);
    waiting = "";
    bytes += written;
    total += written;
  };
  for (let number = 0; number < count; number += 1) {
    const at = new Date(START + number * 80).toISOString();
    const failed = random(50) === 0;
    waiting += `${JSON.stringify({
      ...requestRecord(number),
      timestamp: at.replace("T", " ").slice(0, -1),
      user: { id: random(5000), name: `person ${random(5000)}` },
      request_id: `req-${number}`,
      outcome: failed ? "failure" : "success",
      response_repr: { status_code: failed ? 500 + random(4) : 200, headers: {}, body: { id: random(1e9) } },
      execution_time: random(1e6) / 1e6,
      route: ROUTES[random(ROUTES.length)],
    })}\n`;
    if (waiting.length < 1 << 20 && number + 1 < count) continue;
    flush();
    if (bytes < BACKUP_BYTES || number + 1 === count) continue;
    closeSync(file);
    const stamp = at.replaceAll(/[-:]/g, "");
    renameSync(live, join(folder, `api-${stamp}-${backups.toString(16).padStart(8, "0")}.log`));
    backups += 1;
    bytes = 0;
    file = openSync(live, "w");
  }
  closeSync(file);
  return total;
}
