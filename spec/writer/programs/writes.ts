/**
 * A process that logs and then ends in one of many ways: `writes.js DIRECTORY HOW COUNT`.
 * Its records have `n` from 0 on, and `by` = its process id; with `REQUESTS` = 1 they are those of requests, whose lines
 * the writer thread makes.
 */
import cluster from "node:cluster";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import log4js from "log4js";
import { auditLogging } from "#dist/log/logging";
import type { SealOptions } from "#dist/log/options";
import { createSink } from "#dist/log/sink";
import { RequestDraft } from "#dist/record/draft";
import { flush } from "#dist/writer/writers";
import { bodyOfBytes, requestEvent } from "../../record/events.js";

const [directory = "", how = "", count = "0"] = process.argv.slice(2);
log4js.configure(
  auditLogging({
    directory,
    serviceName: "spec",
    console: false,
    maxBytes: Number(process.env.MAX_BYTES ?? 0),
    durability: (process.env.DURABILITY as "memory" | "os" | undefined) ?? "memory",
    maxBlockMs: 60_000,
    formatInThread: true,
    ringBytes: Number(process.env.RING_BYTES ?? 8_388_608),
    ...(process.env.KEEP && { keep: { files: Number(process.env.KEEP) } }),
    ...(process.env.SEAL && { seal: JSON.parse(process.env.SEAL) as SealOptions | boolean }),
    ...(process.env.FAULT && { threadFile: join(__dirname, "faulty-thread.js") }),
  }),
);
const logger = log4js.getLogger("audit.request");
const sink = createSink();
const text = "x".repeat(400);
let next = 0;

function log(amount = Number(count)): void {
  for (const end = next + amount; next < end; next += 1) {
    if (process.env.REQUESTS) {
      const event = requestEvent({
        extra: { by: process.pid, n: next },
        requestBody: bodyOfBytes(`{"text":"${text}"}`),
      });
      sink(new RequestDraft(event, { recordId: "", serviceName: "spec" }, {}));
      continue;
    }
    logger.api({ record_id: `${process.pid}-${next}`, schema: 1, by: process.pid, n: next, text });
  }
}

const ends: Record<string, () => void> = {
  exit() {
    log();
    process.exit(0);
  },
  "exit-listener"() {
    log();
    process.on("exit", () => log(1));
    process.exit(0);
  },
  exception() {
    log();
    throw new Error("not caught");
  },
  rejection() {
    log();
    void Promise.reject(new Error("not handled"));
  },
  empty() {
    log();
  },
  "before-exit"() {
    process.once("beforeExit", () => log());
  },
  SIGTERM: () => signal("SIGTERM"),
  SIGINT: () => signal("SIGINT"),
  SIGHUP: () => signal("SIGHUP"),
  /** The application's own handler ends the process later, and logs until then. */
  graceful() {
    process.once("SIGTERM", () => {
      setTimeout(() => {
        log(1);
        process.exitCode = 7;
        clearInterval(alive);
      }, 20);
    });
    const alive = setInterval(() => {}, 1000);
    signal("SIGTERM");
  },
  "endless-loop"() {
    log();
    process.stdout.write("looping\n");
    for (;;);
  },
  /** A second burst, some turns of the event loop after the first. */
  twice() {
    log();
    setTimeout(log, 100);
  },
  /** Until backups have been deleted. */
  keeps() {
    log();
    const waiting = setInterval(() => {
      const backups = readdirSync(directory).filter((name) => name.startsWith("api-"));
      if (backups.length <= Number(process.env.KEEP)) clearInterval(waiting);
    }, 20);
  },
  /** Until it is killed. */
  storm() {
    setInterval(() => log(20), 2);
  },
  "told-storm"() {
    const tell = (): void => {
      log(1);
      process.stdout.write(`${next}\n`, tell);
    };
    tell();
  },
  flush() {
    log();
    void flush().then(({ written }) =>
      process.stdout.write(`${written}\n`, () => process.kill(process.pid, "SIGKILL")),
    );
  },
  cluster() {
    if (cluster.isPrimary) {
      const worker = cluster.fork();
      worker.once("message", () => worker.disconnect());
      return;
    }
    log();
    process.send?.("logged");
  },
};

function signal(name: NodeJS.Signals): void {
  log();
  process.kill(process.pid, name);
  setTimeout(() => {}, 60_000).unref();
}

ends[how]!();
