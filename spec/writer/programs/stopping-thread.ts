/**
 * The writer thread on a disk that stops: the first `write` makes a file `stopped` beside the log, and returns when
 * somebody has deleted it.
 */
import fs from "node:fs";
import { dirname, join } from "node:path";

const { writeSync } = fs;
const pause = new Int32Array(new SharedArrayBuffer(4));
let stopped = false;

Object.assign(fs, {
  writeSync(...args: Parameters<typeof writeSync>): number {
    if (!stopped) stop(dirname(fs.readlinkSync(`/proc/self/fd/${args[0]}`)));
    return writeSync(...args);
  },
});

function stop(folder: string): void {
  stopped = true;
  const mark = join(folder, "stopped");
  fs.closeSync(fs.openSync(mark, "w"));
  while (fs.existsSync(mark)) Atomics.wait(pause, 0, 0, 5);
}

// oxlint-disable-next-line import/no-unassigned-import -- starts the thread
require("#dist/writer/thread");
