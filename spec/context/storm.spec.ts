/**
 * Many requests at once, all under way before the first is answered, through body parsers, timers, queues and pools: each record must bear its own person, its
 * own request id and its own tree. A longer run: AUDIT_STORM=100000.
 */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { expressAdapter } from "#dist/adapters/express";
import { currentContext } from "#dist/context/context";
import { bindToContext, runAs } from "#dist/context/run";
import { pipelined } from "../support/http-client.js";
import { collect } from "../support/requests.js";

const REQUESTS = Number(process.env["AUDIT_STORM"] ?? 10_000);
const CONNECTIONS = 200;
const USERS = 23;
const STAGES = ["parsed", "timer", "immediate", "emitter", "pool", "bound", "job", "finished"];

/** What a stage saw of the context that it ran in. */
interface Trace {
  readonly n: number;
  readonly stage: string;
  readonly requestId: string | undefined;
  readonly parentId: string | null | undefined;
  readonly user: unknown;
}

/** A pool of few workers, as database drivers have: callbacks come from the worker's own life, not the caller's. */
class Pool {
  readonly #waiting: (() => void)[] = [];
  readonly #worker = setInterval(() => {
    for (const done of this.#waiting.splice(0, 50)) done();
  }, 1);

  call(done: () => void): void {
    this.#waiting.push(done);
  }

  close(): void {
    clearInterval(this.#worker);
  }
}

/** Sends all requests before any is answered; each answer must be that of its request. */
async function drive(port: number): Promise<void> {
  const requests = Array.from({ length: REQUESTS }, (_, n) => {
    const body = JSON.stringify({ n, padding: "x".repeat(n % 3000) });
    const head = [
      `POST /work/${n} HTTP/1.1`,
      "Host: a",
      "Content-Type: application/json",
      `Content-Length: ${body.length}`,
      `X-User: u${n % USERS}`,
      `X-Request-Id: r${n}`,
    ];
    return `${head.join("\r\n")}\r\n\r\n${body}`;
  });
  const answers = await pipelined(port, requests, CONNECTIONS);
  for (const [at, text] of answers.entries()) {
    assert.deepEqual(
      [...text.matchAll(/\{"n":(\d+)\}/g)].map(([, n]) => Number(n)),
      requests.flatMap((_, n) => (n % CONNECTIONS === at ? [n] : [])),
    );
  }
}

describe("thousands of concurrent requests", { timeout: 600_000 }, () => {
  const { capture, wait } = collect({}, (request: { user?: object }) => request.user);
  const traces: Trace[] = [];
  const pool = new Pool();
  /** Opens when all requests are under way. */
  const gate = new EventEmitter().setMaxListeners(0);
  let waiting = 0;
  let server: Server;

  before(async () => {
    server = application(see).listen(0, "127.0.0.1");
    await once(server, "listening");
  });
  after(() => {
    pool.close();
    server.closeAllConnections();
    server.close();
  });

  it("give each record its own user, request id and tree, in every stage", async () => {
    await drive((server.address() as AddressInfo).port);
    const recordIds = new Map<number, string>();
    for (const event of await wait(REQUESTS)) {
      const n = Number(event.url.split("/")[2]);
      assert.equal(event.context?.requestId, `r${n}`);
      assert.deepEqual(event.context?.actor(), { id: `u${n % USERS}` });
      recordIds.set(n, event.recordId);
    }
    assert.deepEqual([recordIds.size, new Set(recordIds.values()).size], [REQUESTS, REQUESTS]);
    assert.equal(traces.length, REQUESTS * STAGES.length);
    for (const { n, stage, requestId, parentId, user } of traces) {
      const expected = { id: stage === "job" ? "job" : `u${n % USERS}` };
      assert.deepEqual([requestId, parentId, user], [`r${n}`, recordIds.get(n), expected], `${n} ${stage}`);
    }
  });

  function see(n: number, stage: string): void {
    const context = currentContext();
    const { requestId, recordId: parentId } = context ?? {};
    traces.push({ n, stage, requestId, parentId, user: context?.actor() });
  }

  function application(seen: typeof see): ReturnType<typeof express> {
    const app = express();
    app.use(expressAdapter(() => capture));
    app.use((request, _response, next) => {
      // An authentication that takes its time, so that requests overtake each other.
      setTimeout(() => {
        (request as { user?: object }).user = { id: request.headers["x-user"] };
        next();
      }, Math.random() * 3);
    });
    app.use(express.json());
    app.post("/work/:n", (request, response, next) => {
      const n = Number(request.params["n"]);
      response.on("finish", () => seen(n, "finished"));
      work(n, seen).then(() => response.json({ n: (request.body as { n: number }).n }), next);
    });
    return app;
  }

  async function work(n: number, seen: typeof see): Promise<void> {
    seen(n, "parsed");
    const opened = once(gate, "open");
    if ((waiting += 1) === REQUESTS) {
      assert.equal(capture.open, REQUESTS);
      gate.emit("open");
    }
    await opened;
    await sleep(Math.random() * 3);
    seen(n, "timer");
    await new Promise((resolve) => setImmediate(resolve));
    seen(n, "immediate");
    const emitter = new EventEmitter().on("done", () => seen(n, "emitter"));
    await Promise.resolve().then(() => emitter.emit("done"));
    await new Promise<void>((resolve) => pool.call(resolve));
    seen(n, "pool");
    await new Promise<void>((resolve) => {
      const called = (): void => {
        seen(n, "bound");
        resolve();
      };
      pool.call(bindToContext(called));
    });
    await runAs({ actor: { id: "job" } }, async () => {
      await sleep(1);
      seen(n, "job");
    });
  }
});
