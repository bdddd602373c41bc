import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { afterEach, describe, it } from "node:test";
import type { RequestEvent } from "#dist/capture/event";
import type { Undo } from "#dist/capture/capture";
import type { RequestOptions } from "#dist/capture/http/options";
import { captureServer } from "#dist/capture/http/server";
import { buildRequest } from "#dist/record/request";
import { rawSocket, received } from "../../support/http-client.js";
import { running, type Running } from "../../support/http-server.js";
import { assertRecord } from "../../support/schema.js";
import { collect, type Collected } from "../../support/requests.js";
import { until } from "../../support/until.js";

/** What clients send that no handler gets to see, and what Node answers. */
const unreadable: Record<string, { sent: string; answered: string; method: string; url: string }> = {
  "a version that is none": {
    sent: "GET /a?token=s3cret HTTP/9\r\n\r\n",
    answered: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    method: "GET",
    url: "/a?token=s3cret",
  },
  "another protocol": {
    sent: "\x16\x03\x01\x00\x05hello",
    answered: "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    method: "",
    url: "",
  },
  "a head that is too large": {
    sent: `GET /large HTTP/1.1\r\nHost: a\r\nX-Long: ${"a".repeat(40_000)}\r\n\r\n`,
    answered: "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n\r\n",
    method: "GET",
    url: "/large",
  },
};

describe("what Node answers in the application's place", () => {
  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0)) await close();
  });

  async function start(
    options: RequestOptions = {},
    prepare: (server: Server) => void = () => {},
  ): Promise<Collected & Running> {
    const server = createServer((request: IncomingMessage, response: ServerResponse) => {
      if (request.method === "GET" || request.url === "/early") response.end("ok");
    });
    prepare(server);
    const collected = collect(options);
    const undo: Undo = captureServer(server, collected.capture);
    const runs = await running(server.listen(0, "127.0.0.1"));
    open.push(async () => {
      undo();
      collected.capture.stop();
      await runs.close();
    });
    return { ...collected, ...runs };
  }

  for (const [what, { sent, answered, method, url }] of Object.entries(unreadable)) {
    it(`records ${what}, and lets Node answer as it does`, async () => {
      const { server, port, wait } = await start();
      const answer = await received(await rawSocket(port, sent));
      const [event] = await wait(1);
      assert.equal(answer, answered);
      assert.equal(server.listenerCount("clientError"), 0);
      assert.deepEqual(facts(event), {
        kind: "request",
        context: undefined,
        method,
        url,
        protocol: "http",
        clientIp: "127.0.0.1",
        requestHeaders: [],
        requestBody: null,
        status: Number(answered.split(" ")[1]),
        responseHeaders: {},
        responseBody: null,
        outcome: "failure",
        error: event?.error,
        durationMs: 0,
        route: null,
        handler: null,
        action: null,
        extra: {},
      });
      assert.match((event!.error as { code: string }).code, /^HPE_/);
    });
  }

  it("makes a whole record of it", async () => {
    const { port, wait } = await start();
    await received(await rawSocket(port, "GET /a?b=1 HTTP/9\r\n\r\n"));
    const [event] = await wait(1);
    const line = JSON.stringify(buildRequest(event!, { serviceName: "clinic", recordId: "" }));
    const { timestamp, record_id: _id, error_message: error, ...rest } = assertRecord(line);
    assert.match(timestamp, /^\d{4}-/);
    assert.match(String(error), /Parse Error/);
    assert.deepEqual(rest, {
      level: "API",
      name: "audit.request",
      message: "Audit Internal Request",
      service_name: "clinic",
      user: null,
      schema: 1,
      request_id: null,
      parent_id: null,
      trace_id: null,
      span_id: null,
      outcome: "failure",
      extra: {},
      request_type: "internal",
      protocol: "http",
      request_repr: {
        method: "GET",
        path: "/a",
        query_params: { b: "1" },
        headers: {},
        user: null,
        body: null,
        client_ip: "127.0.0.1",
      },
      response_repr: { status_code: 400, headers: {}, body: null },
      execution_time: 0,
      route: null,
      handler: null,
    });
  });

  it("records a head that does not come in time, but no connection that was never used", async () => {
    const { server, port, wait } = await start();
    const accepted: Socket[] = [];
    server.on("connection", (socket: Socket) => accepted.push(socket));
    const idle = await rawSocket(port);
    const slow = await rawSocket(port, "GET /slow HTTP/1.1\r\nHost: a\r\nX-");
    await until(() => accepted.some(({ bytesRead }) => bytesRead > 0));
    Object.assign(server, { requestTimeout: 60, headersTimeout: 60 });
    const answers = await Promise.all([received(idle), received(slow)]);
    const [event] = await wait(1);
    for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.deepEqual([event?.method, event?.url, event?.status, event?.outcome], ["", "", 408, "failure"]);
    assert.equal((event!.error as Error).message, "Request timeout");
  });

  it("says `aborted` of a client that leaves in the middle of its head", async () => {
    const { port, wait } = await start();
    const socket = await rawSocket(port, "GET /le");
    socket.end();
    await received(socket);
    const [event] = await wait(1);
    assert.deepEqual([event?.method, event?.url, event?.outcome], ["", "", "aborted"]);
  });

  it("is the failure of the request whose body cannot be read", async () => {
    const { port, wait } = await start();
    const answer = await received(
      await rawSocket(port, "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n"),
    );
    const [event] = await wait(1);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.deepEqual(
      [event?.method, event?.url, event?.status, event?.outcome],
      ["POST", "/a", 400, "failure"],
    );
    assert.match(String(event?.error), /Parse Error/);
  });

  it("leaves a client that goes in the middle of its body `aborted`", async () => {
    const { port, wait } = await start();
    const socket = await rawSocket(port, "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    socket.end();
    await received(socket);
    const [event] = await wait(1);
    assert.deepEqual([event?.method, event?.url, event?.outcome], ["POST", "/a", "aborted"]);
  });

  it("is no request of its own where it is the rest of one that was answered before", async () => {
    const { server, port, wait, events } = await start();
    const head = "POST /early HTTP/1.1\r\nHost: a\r\n";
    const malformed = await rawSocket(port, `${head}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`);
    const first = received(malformed);
    await until(() => events.length === 1);
    malformed.write("ZZ\r\n");
    assert.deepEqual((await first).match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 400"]);
    const late = received(await rawSocket(port, `${head}Content-Length: 5\r\n\r\nab`));
    await until(() => events.length === 2);
    Object.assign(server, { requestTimeout: 50, headersTimeout: 50 });
    assert.deepEqual((await late).match(/HTTP\/1.1 \d+/g), ["HTTP/1.1 200", "HTTP/1.1 408"]);
    assert.deepEqual(
      (await wait(2)).map(({ method, url, status, outcome }) => [method, url, status, outcome]),
      Array.from({ length: 2 }, () => ["POST", "/early", 200, "success"]),
    );
  });

  it("does not name the request before it on the connection", async () => {
    const { port, wait } = await start();
    const socket = await rawSocket(port, "GET /good HTTP/1.1\r\nHost: a\r\n\r\n");
    await received(socket, (text) => text.endsWith("ok"));
    socket.write("GET /bad HTTP/9\r\n\r\n");
    await received(socket);
    const events = await wait(2);
    assert.deepEqual(
      events.map(({ method, url, status, outcome }) => [method, url, status, outcome]),
      [
        ["GET", "/good", 200, "success"],
        ["", "", 400, "failure"],
      ],
    );
  });

  it("has the status that the application's own listener answers, or none", async () => {
    const { port, wait } = await start({}, (server) => {
      server.on("clientError", (_error, socket) => socket.end("HTTP/1.1 418 I'm a teapot\r\n\r\n"));
    });
    assert.match(await received(await rawSocket(port, "nonsense\r\n\r\n")), /^HTTP\/1\.1 418 /);
    assert.equal((await wait(1))[0]?.status, 418);
    const silent = await start({}, (server) => {
      server.on("clientError", (_error, socket) => socket.destroy());
    });
    assert.equal(await received(await rawSocket(silent.port, "nonsense\r\n\r\n")), "");
    assert.deepEqual((await silent.wait(1))[0]?.status, null);
  });

  it("is not recorded where the options say so", async () => {
    for (const options of [{ unreadable: false }, { include: "/a" }, { only: "decorated" }] as const) {
      const { port, wait } = await start(options);
      assert.match(await received(await rawSocket(port, "nonsense\r\n\r\n")), /^HTTP\/1\.1 400 /);
      await wait(0);
    }
  });
});

/** An event but for what is another each time. */
function facts(event: RequestEvent | undefined): object {
  const { at: _at, recordId: _recordId, ...rest } = event!;
  return rest;
}
