/**
 * The ways to write a record that are compared. Each opens a file and gives `write`, and `close`, which resolves
 * when the last byte stands in the file.
 *
 * @module
 */
import { closeSync, existsSync, openSync, readFileSync, statSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

import { requestEvent } from "./record.mjs";

const require = createRequire(import.meta.url);
const load = {
  log4js: () => require("log4js"),
  pino: () => require("pino"),
  winston: () => require("winston"),
};
const BATCH = 65_536;

/** A log4js configuration whose one appender writes records as bare JSON. */
function log4jsFile(file) {
  return {
    levels: { API: { value: 22_000, colour: "blue" } },
    appenders: { file: { type: "file", filename: file, layout: { type: "record" } } },
    categories: { default: { appenders: ["file"], level: "API" } },
  };
}

function configureLog4js(configuration) {
  const log4js = load.log4js();
  log4js.addLayout(
    "record",
    () =>
      ({ data }) =>
        JSON.stringify(data[0]),
  );
  log4js.configure(configuration);
  const logger = log4js.getLogger("audit.request");
  return {
    write: (record) => logger.log("API", record),
    close: () => new Promise((resolve) => log4js.shutdown(resolve)),
  };
}

async function ours(file, options = {}) {
  const log4js = load.log4js();
  const { apiFile } = require("../../dist/log/parts.js");
  const { levels } = require("../../dist/log/levels.js");
  const { createSink } = require("../../dist/log/sink.js");
  const { flush, writerHealth } = require("../../dist/writer/writers.js");
  const appender = { ...apiFile({ maxBytes: 0, maxBlockMs: 60_000, ...options }), filename: file };
  log4js.configure({
    levels,
    appenders: { api: appender },
    categories: {
      default: { appenders: ["api"], level: "API" },
      "audit.request": { appenders: ["api"], level: "API" },
    },
    disableClustering: true,
  });
  const close = async () => {
    await flush({ timeoutMs: 120_000 });
    if (writerHealth().dropped > 0) throw new Error("records were dropped");
    log4js.shutdown();
  };
  return { log4js, createSink, close };
}

/** For peers that cannot tell when they are done: waits until the file has a line for each call. */
function counting(write, file) {
  let calls = 0;
  const lines = () => (existsSync(file) ? readFileSync(file, "latin1").split("\n").length - 1 : 0);
  return {
    write: (record) => {
      calls += 1;
      write(record);
    },
    arrived: async () => {
      for (let size = -1; ; size = existsSync(file) ? statSync(file).size : -1) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        // Counting costs: only once the file rests.
        if (existsSync(file) && statSync(file).size === size && lines() >= calls) return;
      }
    },
  };
}

function settled(stream) {
  return new Promise((resolve) => stream.once("close", resolve));
}

export const contenders = {
  /** What every way has to do at least. */
  async json_stringify() {
    let length = 0;
    return { write: (record) => void (length += JSON.stringify(record).length), close: async () => length };
  },

  /** Lines gathered to 64 KB, then one `write`: the practical floor for a single thread. */
  async bare_batch(file) {
    const fd = openSync(file, "a");
    let lines = "";
    const put = () => {
      writeSync(fd, lines);
      lines = "";
    };
    return {
      write: (record) => {
        lines += `${JSON.stringify(record)}\n`;
        if (lines.length >= BATCH) put();
      },
      close: async () => {
        put();
        closeSync(fd);
      },
    };
  },

  /** Ours as users call it. */
  async logger(file, options) {
    const { log4js, close } = await ours(file, options);
    const logger = log4js.getLogger("audit.request");
    return { write: (record) => logger.api(record), close };
  },

  /** Ours as our captures call it. */
  async sink(file, options) {
    const { createSink, close } = await ours(file, options);
    return { write: createSink(), close };
  },

  /** Ours from what a capture of requests tells: the record is made, redacted and written. */
  async capture(file, options) {
    const { createSink, close } = await ours(file, options);
    const { Recording } = require("../../dist/recording.js");
    const { createRedactor } = require("../../dist/record/redactor.js");
    const { emit } = new Recording(
      { serviceName: "review_board", extra: {} },
      createSink(),
      createRedactor(),
    );
    const events = Array.from({ length: 1000 }, (_, number) => requestEvent(number));
    let next = 0;
    return { write: () => emit(events[next++ % 1000]), close };
  },

  async log4js_file(file) {
    return configureLog4js(log4jsFile(file));
  },

  /** log4js's own appender for several processes: a server in this process, and its client. */
  async log4js_multiprocess(file) {
    const port = 5000 + (process.pid % 50_000);
    const base = log4jsFile(file);
    const log4js = configureLog4js({
      ...base,
      appenders: {
        ...base.appenders,
        server: { type: "multiprocess", mode: "master", loggerPort: port, appender: "file" },
        client: { type: "multiprocess", mode: "worker", loggerPort: port },
      },
      categories: { default: { appenders: ["client"], level: "API" } },
    });
    const counted = counting(log4js.write, file);
    return {
      write: counted.write,
      close: async () => {
        await counted.arrived();
        await log4js.close();
      },
    };
  },

  async pino_sync(file) {
    const pino = load.pino();
    const logger = pino({ base: null }, pino.destination({ dest: file, sync: true }));
    return { write: (record) => logger.info(record), close: async () => {} };
  },

  async pino_async(file) {
    const pino = load.pino();
    const destination = pino.destination({ dest: file, sync: false, minLength: 4096 });
    const logger = pino({ base: null }, destination);
    return {
      write: (record) => logger.info(record),
      close: async () => {
        const done = settled(destination);
        destination.end();
        await done;
      },
    };
  },

  async pino_transport(file) {
    const pino = load.pino();
    const transport = pino.transport({ target: "pino/file", options: { destination: file } });
    const logger = pino({ base: null }, transport);
    return {
      write: (record) => logger.info(record),
      close: async () => {
        const done = settled(transport);
        transport.end();
        await done;
      },
    };
  },

  async winston_file(file) {
    const winston = load.winston();
    const transport = new winston.transports.File({ filename: file });
    const logger = winston.createLogger({ format: winston.format.json(), transports: [transport] });
    // Not `logger.end()`: with lines still waiting it fails with "write after end", and loses them.
    const { write, arrived } = counting((record) => void logger.info(record), file);
    return { write, close: arrived };
  },
};

/** The file of one run in a folder of its own. */
export function fileIn(folder) {
  return join(folder, "records.log");
}
