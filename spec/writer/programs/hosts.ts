/**
 * Places other than the main thread of a plain process: `hosts.js DIRECTORY HOW COUNT`.
 */
import cluster, { type Worker as ClusterWorker } from "node:cluster";
import { once } from "node:events";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import log4js from "log4js";
import { levels } from "#dist/log/levels";
import { auditLogging } from "#dist/log/logging";
import { writerHealth } from "#dist/writer/writers";

const [directory, how, count] = (isMainThread ? process.argv.slice(2) : workerData) as [
  string,
  string,
  string,
];

function log(): void {
  const logger = log4js.getLogger("audit.request");
  for (let n = 0; n < Number(count); n += 1) logger.api({ record_id: `${n}`, schema: 1, by: process.pid, n });
}

function configure(change: Partial<log4js.Configuration> = {}): void {
  log4js.configure({ ...auditLogging({ directory, console: false }), ...change });
}

const hosts: Record<string, () => void> = {
  /** The main thread ends the process as soon as its worker has logged. */
  "worker-thread"() {
    if (isMainThread) {
      new Worker(__filename, { workerData: [directory, how, count] }).once("message", () => process.exit(0));
      return;
    }
    configure();
    log();
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort, no window
    parentPort!.postMessage("logged");
    for (;;);
  },
  kill() {
    configure();
    log();
    process.kill(process.pid, "SIGKILL");
  },
  bundle() {
    configure();
    log();
    process.stdout.write(String(writerHealth().thread));
  },
  "by-name"() {
    log4js.configure({
      levels,
      appenders: { api: { type: "activity-audit/appender", filename: `${directory}/api.log` } },
      categories: { default: { appenders: ["api"], level: "API" } },
    });
    log();
  },
  /** Workers that log without a pause are replaced one after the other, as a rolling reload does. Prints what each told. */
  "cluster-reload"() {
    configure();
    if (cluster.isPrimary) void reload();
    else logWithoutPause();
  },
  /** log4js sends the events of a cluster's workers to the primary. */
  "log4js-clustering"() {
    configure({ disableClustering: false });
    if (cluster.isPrimary) {
      cluster.fork();
      return;
    }
    log();
    process.send!("end", () => process.exit(0));
  },
};

function logWithoutPause(): void {
  const logger = log4js.getLogger("audit.request");
  let n = 0;
  const logging = setInterval(() => {
    for (let each = 0; each < Number(count); each += 1, n += 1)
      logger.api({ record_id: `${n}`, schema: 1, by: process.pid, n });
    process.send!(n);
  }, 1);
  process.once("disconnect", () => clearInterval(logging));
}

async function reload(): Promise<void> {
  const told: Record<number, number> = {};
  const fork = async (): Promise<ClusterWorker> => {
    const worker = cluster.fork();
    worker.on("message", (n: number) => (told[worker.process.pid!] = n));
    await once(worker, "message");
    return worker;
  };
  const workers = await Promise.all([fork(), fork()]);
  for (let reloads = 0; reloads < 4; reloads += 1) {
    workers.push(await fork());
    const old = workers.shift()!;
    const ended = once(old, "exit");
    // Every other by a signal, as process managers do.
    if (reloads % 2 === 0) old.disconnect();
    else old.process.kill("SIGTERM");
    await ended;
  }
  await Promise.all(workers.map((worker) => (worker.disconnect(), once(worker, "exit"))));
  process.stdout.write(JSON.stringify(told));
}

hosts[how]!();
