/**
 * Express with what usually stands beside us: compression, multer, WebSockets, proxies, routers within routers.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import compression from "compression";
import express from "express";
import multer from "multer";
import { WebSocket, WebSocketServer } from "ws";
import { expressAdapter } from "#dist/adapters/express";
import { fetchOnce, rawSocket } from "../support/http-client.js";
import { running } from "../support/http-server.js";
import { answeredHeaders, collect, textOf } from "../support/requests.js";

/** A longer run: AUDIT_UPLOADS=1000 AUDIT_UPLOAD_BYTES=10485760. */
const UPLOADS = Number(process.env["AUDIT_UPLOADS"] ?? 100);
const UPLOAD_BYTES = Number(process.env["AUDIT_UPLOAD_BYTES"] ?? 1024 * 1024);

describe("Express beside its usual neighbours", { timeout: 300_000 }, () => {
  let collected = collect();
  let server: Server;
  let sockets: WebSocketServer;
  let port: number;

  before(async () => {
    server = application().listen(0, "127.0.0.1");
    sockets = new WebSocketServer({ server, path: "/chat" });
    sockets.on("connection", (socket) => socket.send("hello"));
    await once(server, "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(() => {
    sockets.close();
    server.closeAllConnections();
    server.close();
  });

  function fresh(): typeof collected {
    collected.capture.stop();
    collected = collect();
    return collected;
  }

  function application(): ReturnType<typeof express> {
    const app = express();
    app.set("trust proxy", 1);
    app.use(expressAdapter(() => collected.capture));
    app.use(compression({ threshold: 0 }));
    app.get("/long", (_request, response) => void response.json({ text: "x".repeat(20_000) }));
    app.post("/files", multer().any(), (request, response) => {
      const [file] = request.files as Express.Multer.File[];
      response.json({ size: file?.size, field: (request.body as { name: string }).name });
    });
    app.post("/raw", (request, response) => {
      request.resume().on("end", () => response.sendStatus(204));
    });
    const wards = express.Router();
    wards.get("/beds/:id", (_request, response) => void response.json({}));
    wards.get("/broken/:id", (_request, _response, next) => next(new Error("broken bed")));
    app.use("/wards", wards);
    app.use((error: Error, _request: unknown, response: express.Response, _next: unknown) => {
      response.status(409).json({ error: error.message });
    });
    return app;
  }

  it("records compressed answers in the bytes that were sent, and they can be read", async () => {
    const { wait } = fresh();
    const answer = await fetchOnce(port, { path: "/long", headers: { "accept-encoding": "gzip" } });
    const [event] = await wait(1);
    const sent = Buffer.concat((event?.responseBody?.chunks ?? []) as Uint8Array[]);
    assert.equal(answeredHeaders(event)["content-encoding"], "gzip");
    assert.deepEqual(sent, answer.body);
    assert.deepEqual(JSON.parse(gunzipSync(sent).toString()), { text: "x".repeat(20_000) });
  });

  it("leaves uploads to multer, and tells their parts", async () => {
    const { wait } = fresh();
    const content = randomBytes(150_000);
    const form = new FormData();
    form.set("name", "knee");
    form.set("scan", new Blob([content], { type: "image/png" }), "knee.png");
    const answer = await fetch(`http://127.0.0.1:${port}/files`, { method: "POST", body: form });
    const [event] = await wait(1);
    assert.deepEqual(await answer.json(), { size: content.length, field: "knee" });
    assert.deepEqual(
      event?.requestBody?.parts?.map(({ name, filename, bytes, sha256, value }) => [
        name,
        filename,
        bytes,
        sha256,
        value,
      ]),
      [
        ["name", null, 4, null, "knee"],
        ["scan", "knee.png", content.length, createHash("sha256").update(content).digest("hex"), null],
      ],
    );
  });

  it("keeps no more than the limit of each of many uploads at once", async () => {
    const { wait } = fresh();
    const body = Buffer.alloc(UPLOAD_BYTES, 97);
    await Promise.all(
      Array.from({ length: UPLOADS }, () => fetchOnce(port, { method: "POST", path: "/raw", body })),
    );
    const events = await wait(UPLOADS);
    for (const { requestBody } of events) {
      assert.deepEqual([requestBody?.bytes, requestBody?.truncated], [UPLOAD_BYTES, true]);
      const held = new Set(requestBody?.chunks.map(({ buffer }) => buffer));
      const bytes = [...held].reduce((sum, buffer) => sum + buffer.byteLength, 0);
      // Small pieces are cut from a pool that all share; its size is the Node version's.
      assert.ok(bytes <= 65_536 + Buffer.poolSize, `${bytes} bytes are held for one body`);
    }
  });

  it("records a WebSocket's handshake", async () => {
    const { wait } = fresh();
    await fetchOnce(port, { path: "/wards/beds/1" });
    const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`);
    const [hello] = (await once(socket, "message")) as [Buffer];
    const events = await wait(2);
    socket.terminate();
    assert.equal(hello.toString(), "hello");
    assert.deepEqual([events[1]?.url, events[1]?.status, events[1]?.outcome], ["/chat", 101, "success"]);
  });

  it("believes the proxy that the application trusts, and nobody beyond it", async () => {
    const { wait } = fresh();
    const headers = { "x-forwarded-for": "6.6.6.6, 203.0.113.9", "x-forwarded-proto": "https" };
    await fetchOnce(port, { path: "/wards/beds/1", headers });
    const [event] = await wait(1);
    assert.deepEqual([event?.clientIp, event?.protocol], ["203.0.113.9", "https"]);
  });

  it("names a route within a router, also when its error has left it", async () => {
    const { wait } = fresh();
    await fetchOnce(port, { path: "/wards/beds/4" });
    await fetchOnce(port, { path: "/wards/broken/4?x=1" });
    const events = await wait(2);
    assert.deepEqual(
      events.map(({ route, status, error, responseBody }) => [
        route,
        status,
        (error as Error | null)?.message,
        textOf(responseBody),
      ]),
      [
        ["/wards/beds/:id", 200, undefined, "{}"],
        ["/wards/broken/:id", 409, "broken bed", '{"error":"broken bed"}'],
      ],
    );
  });

  it("records the requests of a router without an application", async (t) => {
    const { capture, wait } = fresh();
    const router = express.Router();
    router.use(expressAdapter(() => capture));
    router.get("/beds/:id", (_request, response) => void response.end("a bed"));
    const { port: own, close } = await running(
      createServer((request, response) => router(request as never, response as never, () => {})).listen(
        0,
        "127.0.0.1",
      ),
    );
    t.after(close);
    await fetchOnce(own, { path: "/beds/4" });
    const [event] = await wait(1);
    assert.deepEqual(
      [event?.route, event?.status, textOf(event?.responseBody ?? null)],
      ["/beds/:id", 200, "a bed"],
    );
  });

  it("records a request whose client went while a middleware before it waited", async (t) => {
    const { capture, wait } = fresh();
    const app = express();
    app.use((_request, response, next) => void response.once("close", () => setImmediate(next)));
    app.use(expressAdapter(() => capture));
    app.get("/late", (_request, response) => void response.json({}));
    const late = app.listen(0, "127.0.0.1");
    t.after(() => late.close());
    await once(late, "listening");
    const socket = await rawSocket(
      (late.address() as AddressInfo).port,
      "GET /late HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    await once(late, "request");
    socket.destroy();
    const [event] = await wait(1);
    assert.deepEqual(
      [event?.url, event?.status, event?.outcome, capture.open],
      ["/late", null, "aborted", 0],
    );
  });

  it("believes a proxy that comes through a Unix socket, and survives one that it cannot make out", async (t) => {
    const { capture, wait } = fresh();
    const folder = mkdtempSync(join(tmpdir(), "audit-unix-"));
    const app = express();
    app.set("trust proxy", (address: string) => {
      if (address === "nonsense") throw new Error("no address");
      return true;
    });
    app.use(expressAdapter(() => capture));
    app.get("/", (_request, response) => void response.json({}));
    const behind = app.listen(join(folder, "socket"));
    t.after(() => {
      behind.close();
      rmSync(folder, { recursive: true });
    });
    await once(behind, "listening");
    for (const told of ["203.0.113.9", "203.0.113.9, nonsense"]) {
      const headers = { "x-forwarded-for": told };
      await fetchOnce(0, { socketPath: join(folder, "socket"), headers });
    }
    const events = await wait(2);
    assert.deepEqual(
      events.map(({ clientIp, status }) => [clientIp, status]),
      [
        ["203.0.113.9", 200],
        [null, 200],
      ],
    );
    assert.equal(capture.open, 0);
  });

  it("is left as it was when the capture stops", async () => {
    const { capture, wait } = fresh();
    await fetchOnce(port, { path: "/wards/beds/1" });
    await wait(1);
    capture.stop();
    assert.equal(Object.hasOwn(server, "emit"), false);
    assert.equal(Object.hasOwn(Object.getPrototypeOf(server) as object, "emit"), false);
  });
});
