/**
 * One run in a process of its own: `child.mjs write|drain|verify SEAL COUNT FOLDER`; SEAL is `none`, `plain` or `keyed`.
 * Prints what it measured as one JSON object.
 *
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { requestRecord } from "../appender/record.mjs";

const require = createRequire(import.meta.url);
const dist = (name) => require(`../../dist/${name}.js`);
const [mode, how, count, folder] = process.argv.slice(2);
const total = Number(count);
const key = "a key of the benchmark, long enough";
const SEALS = { none: false, plain: true, keyed: { key } };
const records = Array.from({ length: 1000 }, (_, index) => requestRecord(index));

/** CPU time of a thread, in microseconds. */
function cpuOf(path) {
  return Number(readFileSync(`${path}/schedstat`, "latin1").split(" ")[0]) / 1000;
}

function threadCpu() {
  return cpuOf("/proc/thread-self");
}

function otherThreads() {
  const ids = readdirSync("/proc/self/task").filter((id) => Number(id) !== process.pid);
  return new Map(ids.map((id) => [id, cpuOf(`/proc/self/task/${id}`)]));
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function configure(log4js) {
  const { auditLogging } = dist("index");
  const durability = process.env.DURABILITY ?? "memory";
  const options = { directory: folder, serviceName: "bench", console: false, maxBlockMs: 60_000 };
  log4js.configure(auditLogging({ ...options, durability, seal: SEALS[how] }));
  return log4js.getLogger("audit.request");
}

const modes = {
  /** Through the whole path: CPU of the application's thread a record, and records a second to the last byte. */
  async write() {
    const log4js = require("log4js");
    const logger = configure(log4js);
    const run = async () => {
      for (let index = 0; index < total; index += 1) {
        logger.api(records[index % 1000]);
        if (index % 100 === 99) await turn();
      }
    };
    await run();
    await dist("writer/writers").flush();
    const [cpu, before, began] = [threadCpu(), otherThreads(), performance.now()];
    await run();
    await dist("writer/writers").flush({ timeoutMs: 60_000 });
    // The writer thread is the busiest of the others.
    const writer = Math.max(...[...otherThreads()].map(([id, now]) => now - (before.get(id) ?? 0))) / total;
    const seconds = (performance.now() - began) / 1000;
    const each = (threadCpu() - cpu) / total;
    await new Promise((resolve) => log4js.shutdown(resolve));
    return { cpu: each, rate: total / seconds, slower: Math.max(each, writer) };
  },
  /** The writer alone, with nobody who makes lines: CPU of one line, in microseconds. */
  async drain() {
    const { openWriter, closeWriter } = dist("writer/writers");
    const { writerSettings } = dist("log/options");
    const { sealSettings } = dist("log/seal");
    const seal = sealSettings(SEALS[how]);
    const writer = openWriter(writerSettings(join(folder, "api.log"), {}, seal), () => "");
    const line = JSON.stringify(records[0]);
    // No thread: what is queued is written here, in batches as the thread would.
    writer.crew.join = () => {};
    let cpu = 0;
    for (let round = 0; round < total / 1000; round += 1) {
      for (let index = 0; index < 1000; index += 1) writer.write(line, "memory");
      const before = threadCpu();
      writer.finish(0, false);
      cpu += threadCpu() - before;
    }
    closeWriter(writer);
    return { cpu: cpu / total };
  },
  /** Megabytes a second of `verify`, on files that are in the page cache. */
  async verify() {
    const { verify } = dist("read/verify/verify");
    const options = { key: how === "keyed" ? Buffer.from(key) : undefined };
    const [cpu, began] = [threadCpu(), performance.now()];
    const { status, bytes } = await verify(folder, options);
    if (status !== "intact") throw new Error(`the trail is ${status}`);
    const took = (performance.now() - began) / 1000;
    return { rate: bytes / 1e6 / took, cpuRate: bytes / (threadCpu() - cpu) };
  },
};

process.stdout.write(`${JSON.stringify(await modes[mode]())}\n`);
process.exit(0);
