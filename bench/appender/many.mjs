/**
 * Several processes that write to one file: `many.mjs HOW PROCESSES COUNT FOLDER`, HOW is `logger` (ours) or
 * `log4js_cluster`. Prints records a second, from the first call until the last byte is in the file.
 *
 * @module
 */
import cluster from "node:cluster";
import { createRequire } from "node:module";
import { readFileSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { contenders, fileIn } from "./contenders.mjs";
import { requestRecord } from "./record.mjs";

const [how, processes, count, folder] = process.argv.slice(2);
const file = fileIn(folder);
const each = Number(count) / Number(processes);

if (cluster.isPrimary) {
  if (how === "log4js_cluster") await contenders.log4js_file(file);
  const workers = Array.from({ length: Number(processes) }, () => cluster.fork());
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once("message", resolve))));
  const began = Date.now();
  for (const worker of workers) worker.send("go");
  let ended = 0;
  for (const worker of workers) worker.once("exit", () => (ended += 1));
  // Not read while they write: on two cores that would be most of what is measured.
  while (ended < workers.length) await delay(20);
  while (countLines(readFileSync(file)) < Number(count)) await delay(50);
  const rate = Number(count) / ((statSync(file).mtimeMs - began) / 1000);
  process.stdout.write(`${JSON.stringify({ rate })}\n`);
  process.exit(0);
} else {
  const { write, close } = await openOne();
  process.once("message", () => void run(write, close));
  process.send("ready");
}

function countLines(bytes) {
  let lines = 0;
  for (let at = bytes.indexOf(10); at >= 0; at = bytes.indexOf(10, at + 1)) lines += 1;
  return lines;
}

async function openOne() {
  if (how === "logger") return contenders.logger(file);
  const log4js = createRequire(import.meta.url)("log4js");
  log4js.configure({
    levels: { API: { value: 22_000, colour: "blue" } },
    appenders: { out: { type: "stdout" } },
    categories: { default: { appenders: ["out"], level: "API" } },
  });
  const logger = log4js.getLogger("audit.request");
  return { write: (record) => logger.log("API", record), close: sent };
}

/** What a process sends to the primary must have left it before it ends. */
function sent() {
  return new Promise((resolve) => process.send("done", resolve));
}

async function run(write, close) {
  for (let index = 0; index < each; index += 1) {
    write(requestRecord(index));
    if (index % 100 === 99) await new Promise((resolve) => setImmediate(resolve));
  }
  await close();
  process.exit(0);
}
