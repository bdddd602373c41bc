/**
 * A worker that logs through another process, and ends: `end-of-worker.mjs CONTENDER HOW COUNT FOLDER`, CONTENDER is
 * `log4js_cluster` or `log4js_multiprocess`. The other process lives until all that arrived is in the file.
 * SIGUSR2 to it kills the worker.
 *
 * @module
 */
import cluster from "node:cluster";
import { once } from "node:events";
import { statSync } from "node:fs";
import { createRequire } from "node:module";
import { setTimeout as delay } from "node:timers/promises";
import { fileIn } from "../appender/contenders.mjs";
import { logAndEnd } from "./ends.mjs";

const [contender, how, count, folder] = process.argv.slice(2);
const file = fileIn(folder);
const log4js = createRequire(import.meta.url)("log4js");
const isCluster = contender === "log4js_cluster";
/** The same in the worker, which gets it from its environment. */
const loggerPort = Number(process.env.LOGGER_PORT ?? 20_000 + (process.pid % 40_000));

/** The file has not grown for so long: nothing more will come. */
const SETTLED_MS = 2000;

if (cluster.isPrimary) await receive();
else await send();

async function receive() {
  configure({
    file: { type: "file", filename: file, layout: { type: "record" } },
    ...(!isCluster && { out: { type: "multiprocess", mode: "master", loggerPort, appender: "file" } }),
  });
  const worker = cluster.fork({ LOGGER_PORT: String(loggerPort) });
  process.on("SIGUSR2", () => worker.process.kill("SIGKILL"));
  await once(worker, "exit");
  for (let [before, size] = [-1, 0]; size !== before; [before, size] = [size, statSync(file).size])
    await delay(SETTLED_MS);
  process.exit(0);
}

async function send() {
  configure(
    isCluster
      ? { out: { type: "stdout" } }
      : { out: { type: "multiprocess", mode: "worker", loggerPort, loggerHost: "localhost" } },
  );
  const logger = log4js.getLogger("audit.request");
  // Time to connect.
  await delay(300);
  logAndEnd((record) => logger.log("API", record), how, Number(count));
}

function configure(appenders) {
  log4js.addLayout(
    "record",
    () =>
      ({ data }) =>
        JSON.stringify(data[0]),
  );
  log4js.configure({
    levels: { API: { value: 22_000, colour: "blue" } },
    appenders,
    categories: { default: { appenders: Object.keys(appenders), level: "API" } },
    // With its own clustering off, multiprocess is what brings events to the other process.
    disableClustering: !isCluster,
  });
}
