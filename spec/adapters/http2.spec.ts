/**
 * HTTP/2, on Node's compatible server and on Fastify's: streams of one connection, each with a record of its own.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import {
  type ClientHttp2Stream,
  connect,
  constants,
  createServer,
  type IncomingHttpHeaders,
} from "node:http2";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import fastify from "fastify";
import { fastifyAdapter } from "#dist/adapters/fastify";
import { captureServer } from "#dist/capture/http/server";
import type { RequestCapture } from "#dist/capture/http/requests";
import { currentContext } from "#dist/context/context";
import { answeredHeaders, collect, textOf } from "../support/requests.js";
import { until } from "../support/until.js";

interface Started {
  readonly port: number;
  close(): Promise<unknown> | void;
}

/** Requests that have come, and are not answered. */
let hanging = 0;

const servers: Record<string, (capture: RequestCapture) => Promise<Started>> = {
  "node:http2": async (capture) => {
    const server = createServer((request, response) => {
      let text = "";
      request.on("data", (chunk) => (text += chunk));
      request.on("end", () => {
        const requestId = currentContext()?.requestId;
        if (request.url === "/hang") return void (hanging += 1);
        if (request.url === "/trickle") return void response.write("first");
        response.writeHead(201, { "content-type": "application/json" });
        response.end(JSON.stringify({ got: JSON.parse(text), requestId }));
      });
    });
    captureServer(server, capture);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
  },
  Fastify: async (capture) => {
    const app = fastify({ http2: true });
    app.register(fastifyAdapter(() => capture) as never);
    app.post("/patients", async (request, reply) =>
      reply.code(201).send({ got: request.body, requestId: currentContext()?.requestId }),
    );
    app.get("/hang", () => void (hanging += 1));
    app.get("/trickle", (_request, reply) => {
      reply.hijack();
      reply.raw.write("first");
    });
    await app.listen({ port: 0, host: "127.0.0.1" });
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
  },
};

for (const [name, start] of Object.entries(servers)) {
  describe(`HTTP/2 on ${name}`, { timeout: 120_000 }, () => {
    it("records each stream of a connection, and those that the client takes back", async () => {
      const { capture, wait } = collect();
      const { port, close } = await start(capture);
      const client = connect(`http://127.0.0.1:${port}`);
      const answers = await Promise.all(
        [1, 2, 3].map((id) =>
          exchange(
            {
              ":method": "POST",
              ":path": `/patients?token=t${id}`,
              "x-request-id": `r${id}`,
              "content-type": "application/json",
            },
            JSON.stringify({ id }),
          ),
        ),
      );
      hanging = 0;
      await exchange({ ":path": "/hang" }, null, () => until(() => hanging > 0));
      await exchange({ ":path": "/trickle" }, null, (stream) => once(stream, "data"));
      const events = (await wait(5)).toSorted((a, b) => a.url.localeCompare(b.url));
      client.destroy();
      await close();
      capture.stop();

      assert.deepEqual(
        events.map(({ method, url, status, outcome, clientIp }) => [method, url, status, outcome, clientIp]),
        [
          ["GET", "/hang", null, "aborted", "127.0.0.1"],
          ...[1, 2, 3].map((id) => ["POST", `/patients?token=t${id}`, 201, "success", "127.0.0.1"]),
          ["GET", "/trickle", 200, "aborted", "127.0.0.1"],
        ],
      );
      for (const [at, event] of events.slice(1, 4).entries()) {
        assert.equal(textOf(event.requestBody), `{"id":${at + 1}}`);
        assert.equal(textOf(event.responseBody), answers[at]!.body);
        assert.deepEqual(JSON.parse(answers[at]!.body), { got: { id: at + 1 }, requestId: `r${at + 1}` });
        assert.match(String(answeredHeaders(event)["content-type"]), /^application\/json/);
        // The secret in the URL is hidden where the record has the URL, and stands nowhere else.
        assert.ok(!JSON.stringify([event.requestHeaders, event.responseHeaders]).includes("token="));
        assert.ok(event.requestHeaders.includes(`127.0.0.1:${port}`));
      }
      assert.equal(textOf(events[4]!.responseBody), "first");

      /** One stream; without a body it is taken back before it is answered whole. */
      function exchange(
        headers: IncomingHttpHeaders,
        body: string | null,
        enough?: (stream: ClientHttp2Stream) => Promise<unknown>,
      ): Promise<{ body: string }> {
        return new Promise((resolve) => {
          const stream = client.request(headers);
          let text = "";
          stream.on("data", (chunk) => (text += chunk)).on("error", () => {});
          stream.on("close", () => resolve({ body: text }));
          if (body !== null) return void stream.end(body);
          void enough?.(stream).then(() => stream.close(constants.NGHTTP2_CANCEL));
        });
      }
    });
  });
}

describe("an answer of HTTP/2 that breaks off", () => {
  it("has failed where the application breaks it off by an error, and not where the client resets it", async () => {
    const { capture, wait } = collect();
    const server = createServer((request, response) => {
      response.write("first");
      if (request.url === "/broken") setTimeout(() => response.stream.destroy(new Error("no more")), 10);
    });
    captureServer(server, capture);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    for (const path of ["/broken", "/reset"]) {
      const stream = client.request({ ":path": path }).on("error", () => {});
      const closed = new Promise((resolve) => stream.once("close", resolve));
      await once(stream, "data");
      if (path === "/reset") stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      await closed;
    }
    const events = await wait(2);
    client.destroy();
    server.close();
    capture.stop();
    assert.deepEqual(
      events.map(({ url, status, outcome, error }) => [
        url,
        status,
        outcome,
        (error as Error | null)?.message ?? null,
      ]),
      [
        ["/broken", 200, "failure", "no more"],
        ["/reset", 200, "aborted", null],
      ],
    );
  });
});
