/**
 * Places other than the main thread of a plain process: `hosts.js DIRECTORY HOW COUNT`.
 */
import cluster from "node:cluster";
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

hosts[how]!();
