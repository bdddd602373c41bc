import assert from "node:assert/strict";
import dns from "node:dns";
import { createReadStream } from "node:fs";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import fastify, { type FastifyInstance } from "fastify";
import { fastifyAdapter } from "#dist/adapters/fastify";
import type { Requests } from "#dist/capture/http/running";
import { fetchOnce } from "../support/http-client.js";
import { checkedOften, serverSentEvents, STYLE_SHEET } from "../support/http-server.js";
import { collect, textOf } from "../support/requests.js";
import { behaviours } from "./behaviours.js";

behaviours({
  name: "Fastify 5",
  routes: true,
  errors: true,
  async start(capture, see) {
    const app = application(capture, see);
    checkedOften(app.server);
    await app.listen({ port: 0, host: "127.0.0.1" });
    return {
      server: app.server,
      port: (app.server.address() as AddressInfo).port,
      close: async () => {
        app.server.closeAllConnections();
        await app.close();
      },
    };
  },
});

function application(capture: Requests, see: (path: string) => void): FastifyInstance {
  const app = fastify({ bodyLimit: 100_000, forceCloseConnections: true });
  app.register(fastifyAdapter(capture));
  app.addHook("onRequest", async (request) => {
    const id = request.headers["x-user"];
    if (id) (request as { user?: unknown }).user = { id };
  });
  app.addContentTypeParser("multipart/form-data", (_request, _payload, done) => done(null));
  // oxlint-disable-next-line oxc/no-async-endpoint-handlers -- Fastify awaits them
  app.get<{ Params: { id: string } }>("/patients/:id", async (request) => {
    see(request.url);
    await sleep(1);
    return { id: Number(request.params.id) };
  });
  app.post("/patients", async (request, reply) => {
    see("/patients");
    return reply.code(201).send({ created: request.body });
  });
  app.get("/unauthorized", async (_request, reply) => reply.code(401).send({ error: "who are you" }));
  app.get("/forbidden", async (_request, reply) => reply.code(403).send({ error: "no" }));
  app.get("/broken", () => {
    throw new Error("broken");
  });
  app.get("/rejected", async () => {
    await sleep(1);
    throw new Error("rejected");
  });
  app.get("/moved", async (_request, reply) => reply.redirect("/patients/7"));
  app.get("/empty", async (_request, reply) => reply.code(204).send());
  app.get("/app.css", async (_request, reply) => reply.type("text/css").send(createReadStream(STYLE_SHEET)));
  app.get("/health", async () => "ok");
  app.get("/stream", async (_request, reply) =>
    reply.send(Readable.from(Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, 97 + (n % 26))))),
  );
  app.get("/events", async (_request, reply) => reply.type("text/event-stream").send(serverSentEvents()));
  app.get("/unchanged", async (_request, reply) => reply.code(304).header("etag", '"7"').send());
  app.get("/trickle", (_request, reply) => {
    reply.hijack();
    reply.raw.write("first");
  });
  app.get("/hang", (request) => see(request.url));
  app.get("/twice", (_request, reply) => {
    reply.send("once");
    reply.send("twice");
  });
  app.post("/upload", (request, reply) => {
    let bytes = 0;
    request.raw.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.raw.on("end", () => reply.send({ bytes }));
  });
  return app;
}

describe("requests that Fastify's hooks do not see, or that come without a socket", () => {
  it("records a URL that cannot be read", async () => {
    const { capture, wait } = collect();
    const app = application(
      () => capture,
      () => {},
    );
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    const answer = await fetch(`${url}/patients/%E0%A4%A`);
    await app.close();
    const [event] = await wait(1);
    assert.deepEqual([answer.status, event?.status, event?.outcome], [400, 400, "failure"]);
  });

  it("records what comes to the second address of `localhost`, for which Fastify has a server of its own", async (t) => {
    const { lookup } = dns;
    // Few machines of CI have ::1.
    const both = ["127.0.0.1", "127.0.0.2"].map((address) => ({ address, family: 4 }));
    t.mock.method(dns, "lookup", (host: string, options: any, done: any) =>
      // Newer Nodes look for all addresses of a number, too.
      host === "localhost" && options.all === true ? done(null, both) : lookup(host, options, done),
    );
    const { capture, wait } = collect();
    const app = application(
      () => capture,
      () => {},
    );
    t.after(() => app.close());
    app.server.on("upgrade", (_request, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n"));
    await app.listen({ port: 0, host: "localhost" });
    const { port } = app.server.address() as AddressInfo;
    const upgrade = { connection: "Upgrade", upgrade: "websocket" };
    await fetchOnce(port, { host: "127.0.0.2", path: "/chat", headers: upgrade });
    await fetchOnce(port, { host: "127.0.0.2", path: "/patients/7" });
    await fetchOnce(port, { host: "127.0.0.2", path: "/patients/%E0%A4%A" });
    await app.close();
    assert.deepEqual(
      (await wait(3)).map(({ url, status, outcome }) => [url, status, outcome]),
      [
        ["/chat", 401, "denied"],
        ["/patients/7", 200, "success"],
        ["/patients/%E0%A4%A", 400, "failure"],
      ],
    );
  });

  it("records an injected form, whose body comes as a text", async () => {
    const { capture, wait } = collect();
    const app = application(
      () => capture,
      () => {},
    );
    const answer = await app.inject({
      method: "POST",
      url: "/upload",
      headers: { "content-type": "multipart/form-data; boundary=b" },
      payload: '--b\r\nContent-Disposition: form-data; name="ward"\r\n\r\nnörd\r\n--b--\r\n',
    });
    await app.close();
    const [event] = await wait(1);
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(
      event?.requestBody?.parts?.map(({ name, value, bytes }) => [name, value, bytes]),
      [["ward", "nörd", 5]],
    );
  });

  it("records an injected request", async () => {
    const { capture, wait } = collect();
    const app = application(
      () => capture,
      () => {},
    );
    const answer = await app.inject({ method: "POST", url: "/patients", payload: { name: "d" } });
    await app.close();
    const [event] = await wait(1);
    assert.equal(answer.statusCode, 201);
    assert.deepEqual(
      [event?.status, event?.route, textOf(event?.requestBody ?? null), textOf(event?.responseBody ?? null)],
      [201, "/patients", '{"name":"d"}', '{"created":{"name":"d"}}'],
    );
  });
});
