/**
 * Our writer thread on a disk that is slow, or that stops: `write` is held up as `SLOW_MBS` (megabytes a second) and
 * `STALL_MS` (the first `write` after a second) say.
 */
const fs = require("node:fs");
const { writeSync } = fs;
const pause = new Int32Array(new SharedArrayBuffer(4));
const began = Date.now();
const bytesPerMs = Number(process.env.SLOW_MBS ?? 0) * 1000;
let stallMs = Number(process.env.STALL_MS ?? 0);

fs.writeSync = (fd, data, ...rest) => {
  if (bytesPerMs > 0) Atomics.wait(pause, 0, 0, data.length / bytesPerMs);
  if (stallMs > 0 && Date.now() - began > 1000) {
    Atomics.wait(pause, 0, 0, stallMs);
    stallMs = 0;
  }
  return writeSync(fd, data, ...rest);
};
// oxlint-disable-next-line import/no-unassigned-import -- starts the thread
require("../../dist/writer/thread.js");
