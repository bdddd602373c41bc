/**
 * A process that logs and ends: `end.mjs CONTENDER HOW COUNT FOLDER`. Tells the number of each record that a call has
 * returned for, so that what is missing can be counted whatever happens to it.
 *
 * @module
 */
import { writeSync } from "node:fs";
import { contenders, fileIn } from "../appender/contenders.mjs";
import { requestRecord } from "../appender/record.mjs";

const [contender, how, count, folder] = process.argv.slice(2);
const [name, durability] = contender.split(":");
const options = { ...(durability && { durability }), maxBytes: Number(process.env.MAX_BYTES ?? 0) };
const { write } = await contenders[name](fileIn(folder), name === "logger" ? options : undefined);
let next = 0;

// Peers that open their file or thread in the background are given the time; ours loses nothing without.
if (name !== "logger") await new Promise((resolve) => setTimeout(resolve, 300));

function log() {
  write({ ...requestRecord(next), record_id: `${process.pid}-${next}` });
  next += 1;
  tell(`${next}\n`);
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

function burst() {
  while (next < Number(count)) log();
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
  /** Until somebody kills it. */
  storm() {
    for (let each = 0; each < 20; each += 1) log();
    setImmediate(ends.storm);
  },
  /** The same for minutes, without filling the disk. */
  steady() {
    for (let each = 0; each < 10; each += 1) log();
    setTimeout(ends.steady, 5);
  },
};
ends[how]();
