/**
 * Times as records have them: UTC, `YYYY-MM-DD HH:mm:ss.SSS`.
 *
 * @module
 */

// Records come in bursts, so the second is nearly always the one of the record before.
let knownSecond = Number.NaN;
let knownText = "";

/** @param at - milliseconds since the epoch; what is no time gives the epoch itself */
export function formatTimestamp(at: number): string {
  const second = Math.floor(at / 1000);
  if (second !== knownSecond) {
    // Beyond ±8.64e15 ms there is no date, and `toISOString` would throw.
    const date = new Date(second * 1000);
    if (Number.isNaN(date.getTime())) return "1970-01-01 00:00:00.000";
    const iso = date.toISOString();
    knownText = `${iso.slice(0, -14)} ${iso.slice(-13, -5)}.`;
    knownSecond = second;
  }
  const ms = Math.floor(at - second * 1000);
  return knownText + (ms < 10 ? `00${ms}` : ms < 100 ? `0${ms}` : `${ms}`);
}

/** Milliseconds as seconds, to the microsecond. */
export function seconds(durationMs: number): number {
  return Math.round(durationMs * 1000) / 1e6;
}
