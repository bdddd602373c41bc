/**
 * The writer thread with a fault, once for each process: `FAULT` = `before-write` or `after-write`: it ends there;
 * `hang`: it loops for ever before it writes. The thread that takes its place has none.
 */
import fs from "node:fs";
import { workerData } from "node:worker_threads";

const { writeSync, statSync } = fs;
const fault = (workerData as { generation: number }).generation === 1 ? process.env.FAULT : undefined;

Object.assign(fs, {
  writeSync(...args: Parameters<typeof writeSync>): number {
    if (fault === "before-write") process.exit(1);
    const written = writeSync(...args);
    if (fault === "after-write") process.exit(1);
    return written;
  },
  statSync(...args: Parameters<typeof statSync>): unknown {
    if (fault === "hang") for (;;);
    return statSync(...args);
  },
});

// oxlint-disable-next-line import/no-unassigned-import -- starts the thread
require("#dist/writer/thread");
