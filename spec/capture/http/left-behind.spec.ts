/**
 * What a request, or a server, leaves behind when it is over: its context goes on in what it has started, and the rest is
 * garbage.
 */
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import express from "express";
import { expressAdapter } from "#dist/adapters/express";
import { currentContext } from "#dist/context/context";
import { RequestCapture } from "#dist/capture/http/requests";
import { captureServer } from "#dist/capture/http/server";
import { fetchOnce } from "../../support/http-client.js";
import { running } from "../../support/http-server.js";
import { until } from "../../support/until.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The bytes of all buffers that are not garbage. */
async function held(): Promise<number> {
  for (let times = 0; times < 3; times += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
  return process.memoryUsage().arrayBuffers;
}

describe("what is left when it is over", () => {
  it("is not the bodies of a request whose context a timer keeps", async () => {
    const requests = 100;
    const body = Buffer.alloc(60_000, "x");
    const timers: NodeJS.Timeout[] = [];
    const ids = new Set<string | undefined>();
    const server = createServer((request, response) => {
      timers.push(setInterval(() => ids.add(currentContext()?.requestId), 1));
      request.resume().on("end", () => response.end(body));
    });
    const capture = new RequestCapture(() => {});
    const undo = captureServer(server, capture);
    const { port, close } = await running(server.listen(0, "127.0.0.1"));
    await fetchOnce(port, { method: "POST", body });
    const before = await held();
    for (let sent = 0; sent < requests; sent += 1) await fetchOnce(port, { method: "POST", body });
    await until(() => capture.open === 0);
    const left = (await held()) - before;
    await until(() => ids.size > requests);
    for (const timer of timers) clearInterval(timer);
    await close();
    undo();
    capture.stop();
    assert.ok(left < (requests * body.length) / 10, `${left} bytes are left of ${requests} requests`);
  });

  it("is not a server that nobody else holds, such as those that supertest makes", async () => {
    const capture = new RequestCapture(() => {});
    const app = express();
    app.use(expressAdapter(() => capture));
    app.get("/", (_request, response) => void response.json({}));
    const servers: WeakRef<object>[] = [];
    for (let made = 0; made < 20; made += 1) {
      const { server, port, close } = await running(app.listen(0, "127.0.0.1"));
      await fetchOnce(port);
      await close();
      servers.push(new WeakRef(server));
    }
    await until(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      collect();
      return servers.filter((server) => server.deref()).length <= 1;
    });
    capture.stop();
  });
});
