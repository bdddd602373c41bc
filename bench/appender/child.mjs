/**
 * One run of one contender, in a process of its own: `child.mjs MODE CONTENDER COUNT FOLDER`. Prints what it
 * measured as one JSON object.
 *
 * @module
 */
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { contenders, fileIn } from "./contenders.mjs";
import { requestRecord } from "./record.mjs";

const [mode, name, count, folder] = process.argv.slice(2);
const total = Number(count);
const records = Array.from({ length: 1000 }, (_, index) => requestRecord(index));

/** CPU time of this thread, in microseconds; the main thread's share of garbage collection is in it. */
function threadCpu() {
  return Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[0]) / 1000;
}

/** For how long, in milliseconds, this thread could have run and waited for a core. */
function withoutCore() {
  return Number(readFileSync("/proc/thread-self/schedstat", "latin1").split(" ")[1]) / 1e6;
}

/** Lets the event loop turn, as it does in a server, so that peers with queues can empty them. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

async function writeAll(write, amount) {
  for (let index = 0; index < amount; index += 1) {
    write(records[index % 1000]);
    if (index % 100 === 99) await turn();
  }
}

/** Main-thread CPU a record, and records a second until the last byte is in the file. */
async function throughput({ write, close }) {
  await writeAll(write, total);
  const [cpu, began] = [threadCpu(), performance.now()];
  await writeAll(write, total);
  await close();
  const cpuEach = (threadCpu() - cpu) / total;
  return { cpu: cpuEach, rate: total / ((performance.now() - began) / 1000) };
}

/** The slowest percent of calls at 20 000 records a second, in microseconds. */
async function latency({ write, close }) {
  await writeAll(write, total / 10);
  const times = [];
  const began = performance.now();
  for (let written = 0; written < total; await turn()) {
    const due = Math.min(((performance.now() - began) / 1000) * 20_000, total);
    for (; written < due; written += 1) {
      const at = performance.now();
      write(records[written % 1000]);
      times.push((performance.now() - at) * 1000);
    }
  }
  await close();
  return { p99: times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.99)] };
}

// Some peers let the process end while they still write.
const alive = setInterval(() => {}, 1000);
/**
 * The longest call, in milliseconds, at 8000 records a second for two seconds, in which the disk stops once: `wall`
 * by the clock, and `longest` without the time for which this thread was ready and had no core.
 */
async function stall({ write, close }) {
  await writeAll(write, 1000);
  // What the start of the process has left would be collected in the middle, which is nobody's disk.
  globalThis.gc?.();
  let [longest, wall] = [0, 0];
  const began = performance.now();
  for (let written = 0; written < total; await turn()) {
    const due = Math.min(((performance.now() - began) / 1000) * 8000, total);
    for (; written < due; written += 1) {
      const waited = withoutCore();
      const at = performance.now();
      write(records[written % 1000]);
      const took = performance.now() - at;
      wall = Math.max(wall, took);
      if (took > longest) longest = Math.max(longest, took - (withoutCore() - waited));
    }
  }
  await close();
  return { longest, wall };
}

/** By how many megabytes the process grows at most, while records come ten times as fast as the disk takes them. */
async function memory({ write, close }) {
  await writeAll(write, 1000);
  globalThis.gc?.();
  const before = process.memoryUsage.rss();
  let peak = before;
  for (let index = 0; index < total; index += 1) {
    write(records[index % 1000]);
    if (index % 100 === 99) {
      await turn();
      peak = Math.max(peak, process.memoryUsage.rss());
    }
  }
  await close();
  return { grown: (peak - before) / 1e6 };
}

const modes = { throughput, latency, stall, memory };
const slow = mode === "stall" || mode === "memory";
const threadFile = fileURLToPath(new URL("slow-thread.cjs", import.meta.url));
const contender = await contenders[name](fileIn(folder), slow ? { threadFile } : {});
const result = await modes[mode](contender);
if (name !== "json_stringify") {
  const size = statSync(fileIn(folder)).size;
  if (size < total * 1000) throw new Error(`${name} wrote only ${size} bytes`);
}
process.stdout.write(`${JSON.stringify(result)}\n`);
clearInterval(alive);
process.exit(0);
