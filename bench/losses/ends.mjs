/**
 * Logs, and ends the process in one of many ways. Tells the number of each record that a call has returned for, so that
 * what is missing can be counted whatever happens to the process.
 *
 * @module
 */
import { writeSync } from "node:fs";
import { requestRecord } from "../appender/record.mjs";

/**
 * @param write - takes a record
 * @param how - `exit`, `exception` or `sigterm` right after `count` records; `storm` or `steady`: until it is killed
 */
export function logAndEnd(write, how, count) {
  let next = 0;

  function log() {
    write({ ...requestRecord(next), record_id: `${process.pid}-${next}` });
    next += 1;
    tell(`${next}\n`);
  }

  function burst() {
    while (next < count) log();
  }

  const ends = {
    exit() {
      burst();
      process.exit(0);
    },
    exception() {
      burst();
      throw new Error("not caught");
    },
    sigterm() {
      burst();
      process.kill(process.pid, "SIGTERM");
      setTimeout(() => {}, 10_000);
    },
    storm() {
      for (let each = 0; each < 20; each += 1) log();
      setImmediate(ends.storm);
    },
    /** For minutes, without filling the disk. */
    steady() {
      for (let each = 0; each < 10; each += 1) log();
      setTimeout(ends.steady, 5);
    },
  };
  ends[how]();
}

/** Waits while the pipe is full: a record must not be logged without being told of. Ends when nobody listens. */
function tell(text) {
  for (;;) {
    try {
      writeSync(1, text);
      return;
    } catch (error) {
      if (error.code === "EPIPE") process.exit(1);
      if (error.code !== "EAGAIN") throw error;
    }
  }
}
