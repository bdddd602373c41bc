/**
 * The applications that are measured: the same for each framework, with each way of recording, or with none.
 *
 * @module
 */
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** A server that listens. */
export function start(framework, variant, file) {
  return frameworks[framework](variants[variant](file));
}

const answer = {
  id: "ord-000001",
  status: "accepted",
  total: 289.48,
  currency: "EUR",
  created_at: "2026-01-05T09:12:44.031Z",
  items: [
    { sku: "A-100", quantity: 2, price: 19.99, available: true },
    { sku: "B-200", quantity: 1, price: 249.5, available: false },
  ],
  links: { self: "/api/orders/ord-000001", invoice: "/api/orders/ord-000001/invoice" },
};

const variants = {
  none: () => ({}),
  audit: (file) => audit(`${file}.d`),
  capture: () => audit(null),
  /** The price of AsyncLocalStorage alone. */
  context: () => {
    const { AsyncLocalStorage } = require("node:async_hooks");
    const storage = new AsyncLocalStorage();
    return { middleware: (request, _response, next) => storage.run({ request }, next) };
  },
  "pino-http": (file) => {
    const pino = require("pino");
    const middleware = require("pino-http")({ logger: pino(pino.destination({ dest: file, sync: false })) });
    return { middleware };
  },
  morgan: (file) => {
    const stream = require("node:fs").createWriteStream(file);
    return { middleware: require("morgan")("combined", { stream }) };
  },
  "express-winston": (file) => {
    const winston = require("winston");
    const transports = [new winston.transports.File({ filename: file })];
    return { middleware: require("express-winston").logger({ transports, format: winston.format.json() }) };
  },
};

/** Ours, whole: capture, context, record, redaction, log4js, writer thread. Without a directory: the capture alone. */
function audit(directory) {
  const { expressAdapter } = require("../../dist/adapters/express.js");
  const { fastifyAdapter } = require("../../dist/adapters/fastify.js");
  const { runningRequests } = require("../../dist/capture/http/running.js");
  if (directory === null) {
    const { RequestCapture } = require("../../dist/capture/http/requests.js");
    const capture = new RequestCapture(() => {}, {}, actor);
    return { middleware: expressAdapter(() => capture), plugin: fastifyAdapter(() => capture) };
  }
  const { audit: ours, auditLogging } = require("../../dist/index.js");
  require("log4js").configure(auditLogging({ directory, serviceName: "bench", console: false }));
  ours.start({ serviceName: "bench", actor });
  return { middleware: ours.express(), plugin: fastifyAdapter(runningRequests) };
}

const actor = (request) => request.user;

const user = { id: 4711, role: "clerk" };

/** Its connections wait while the others are measured; on a loaded machine for minutes. */
function patient(server) {
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
}

async function express({ middleware }) {
  const create = require("express");
  const app = create();
  if (middleware) app.use(middleware);
  app.use((request, _response, next) => {
    request.user = user;
    next();
  });
  app.use(create.json());
  app.post("/api/orders", (request, response) => {
    response.json({ ...answer, customer: request.body.customer.id });
  });
  const server = app.listen(0, "127.0.0.1");
  patient(server);
  await new Promise((resolve) => server.once("listening", resolve));
  return server;
}

async function fastify({ middleware, plugin }) {
  const app = require("fastify")({ keepAliveTimeout: 0 });
  if (plugin) app.register(plugin);
  else if (middleware)
    app.addHook("onRequest", (request, reply, done) => middleware(request.raw, reply.raw, done));
  app.addHook("onRequest", (request, _reply, done) => {
    request.user = user;
    done();
  });
  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Fastify awaits them
  app.post("/api/orders", async (request) => ({ ...answer, customer: request.body.customer.id }));
  await app.listen({ port: 0, host: "127.0.0.1" });
  patient(app.server);
  return app.server;
}

const frameworks = { express, fastify };
