/**
 * Calls by Node's http and https, over real sockets: whole records, and nothing changed for who calls.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type ClientRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, afterEach, before, describe, it } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { runAs, runIgnored } from "#dist/context/run";
import { assertCall } from "../../support/calls.js";
import { bytesOf, startService, type Service } from "../../support/service.js";
import { listenOutbound, type Listening } from "./outbound.js";

let service: Service;
let common: object;
before(async () => {
  service = await startService();
  common = { service_name: new URL(service.url).host };
});
after(() => service.close());

afterEach(() => {
  service.arrived.length = 0;
});

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/** Whether this Node tells of a request when it is made. */
const EARLY = Number(process.versions.node.split(".")[0]) >= 24;

/** Calls, and reads the answer to its end. */
async function call(path: string, options: RequestOptions = {}, body?: string): Promise<Buffer> {
  const request = http.request(service.url + path, options).end(body);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return read(response);
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const parts = (
  path: string,
  status: number | null,
  more: { request?: object; [field: string]: unknown } = {},
) => {
  const { request, ...rest } = more;
  return {
    outcome: "success",
    error_message: null,
    request_repr: { method: "GET", endpoint: service.url + path, query_params: {}, body: null, ...request },
    response_repr: { status_code: status, body: null },
    ...rest,
  };
};

const failure = (request: ClientRequest): Promise<Error> =>
  new Promise((resolve) =>
    request.on("error", resolve).on("response", (response) => response.on("error", resolve)),
  );

describe("a call by http.request", () => {
  it("is one record, with all but its bodies", async () => {
    const { records, settled } = listenOutbound();
    const answer = await call(
      "/end?page=2&token=abc",
      { method: "POST", headers: { Authorization: "Bearer x", "X-Team": "ward", Cookie: "sid=1" } },
      "abc",
    );
    assert.deepEqual(JSON.parse(answer.toString()), { path: "/end", bytes: 3 });
    await settled(1);
    const [record] = records as [Listening["records"][0]];
    assertCall(
      record,
      parts("/end", 200, {
        request: { method: "POST", query_params: { page: "2", token: "[REDACTED]" } },
        redacted: [
          "/request_repr/query_params/token",
          "/request_repr/headers/authorization",
          "/request_repr/headers/cookie",
        ],
      }),
      common,
    );
    const { authorization: _gone, cookie: _names, ...sent } = record["request_repr"].headers;
    const [{ headers }] = service.arrived as [Service["arrived"][0]];
    for (const [header, value] of Object.entries(sent)) assert.equal(headers[header], value);
    assert.equal(record["response_repr"].headers["content-type"], "application/json");
  });

  it("is told by the status", async () => {
    const { records, settled } = listenOutbound();
    for (const status of [200, 401, 407, 404, 503]) await call(`/status/${status}`);
    await settled(5);
    assert.deepEqual(
      records.map(({ outcome, response_repr }) => [response_repr.status_code, outcome]),
      [
        [200, "success"],
        [401, "denied"],
        [407, "denied"],
        [404, "failure"],
        [503, "failure"],
      ],
    );
  });

  it("that fails is one record, with the error that the application gets", async () => {
    const { records, settled } = listenOutbound();
    const refused = await failure(http.get(`${service.refused}/x`));
    const unknown = await failure(http.get("http://nobody.invalid/x"));
    const reset = await failure(http.get(`${service.url}/reset`));
    const late = http.get(`${service.url}/hang`, { timeout: 30 });
    late.on("timeout", () => late.destroy(new Error("nobody answered in time")));
    const timeout = await failure(late);
    await settled(4);
    const told = [refused, unknown, reset, timeout].map(({ message }) => message);
    const endpoints = [
      `${service.refused}/x`,
      "http://nobody.invalid/x",
      `${service.url}/reset`,
      `${service.url}/hang`,
    ];
    for (const [index, record] of records.entries()) {
      assertCall(
        record,
        parts("", null, {
          request: { endpoint: endpoints[index] },
          outcome: "failure",
          error_message: told[index],
        }),
        { service_name: new URL(endpoints[index]!).host },
      );
    }
    assert.equal(records.length, 4);
    assert.equal(told[3], "nobody answered in time");
  });

  it("has no listener of ours on its errors, which would keep them from the application", async () => {
    const { settled } = listenOutbound();
    const request = http.get(`${service.refused}/x`);
    assert.equal(request.listenerCount("error"), 0);
    await failure(request);
    const answered = http.get(`${service.url}/end`);
    const [answer] = (await once(answered, "response")) as [IncomingMessage];
    assert.deepEqual(
      ["error", "data", "readable"].map((name) => answer.listenerCount(name)),
      [0, 0, 0],
    );
    await read(answer);
    await settled(2);
  });

  it("that is aborted by a signal, or left half read, is aborted; one that breaks off is a failure", async () => {
    const { records, settled } = listenOutbound();
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    await failure(http.get(`${service.url}/hang`, { signal: controller.signal }));
    await settled(1);
    const left = http.get(`${service.url}/slowly/200`);
    const [answer] = (await once(left, "response")) as [IncomingMessage];
    for await (const _ of answer) break;
    await settled(2);
    await failure(http.get(`${service.url}/slowly/4?break`).on("response", (response) => response.resume()));
    await settled(3);
    assert.deepEqual(
      records.map(({ outcome, response_repr, error_message }) => [
        response_repr.status_code,
        outcome,
        error_message,
      ]),
      [
        [null, "aborted", "The operation was aborted"],
        [200, "aborted", null],
        [200, "failure", "aborted"],
      ],
    );
  });

  it("with streams both ways is handed through", async () => {
    const { records, settled } = listenOutbound();
    const bytes = bytesOf(200_000);
    const request = http.request(`${service.url}/end`, { method: "PUT" });
    const answered = once(request, "response") as Promise<[IncomingMessage]>;
    await pipeline(Readable.from([bytes.subarray(0, 90_000), bytes.subarray(90_000)]), request);
    await read((await answered)[0]);
    assert.ok(service.arrived[0]!.body.equals(bytes));
    assert.ok((await call("/bytes/200000")).equals(bytes));
    await settled(2);
    assertCall(records[0]!, parts("/end", 200, { request: { method: "PUT" } }), common);
    assertCall(records[1]!, parts("/bytes/200000", 200), common);
  });

  it("that becomes a WebSocket is one record of the status 101", async () => {
    const sockets = new WebSocketServer({ port: 0, host: "127.0.0.1" });
    await once(sockets, "listening");
    const { records, settled } = listenOutbound();
    const { port } = sockets.address() as { port: number };
    const socket = new WebSocket(`ws://127.0.0.1:${port}/feed`);
    await once(socket, "open");
    socket.terminate();
    await settled(1);
    sockets.close();
    assert.deepEqual(
      records.map(({ outcome, response_repr }) => [response_repr.status_code, outcome]),
      [[101, "success"]],
    );
  });

  it("has the host that it was sent to, whatever its path and the form of its headers", async () => {
    const { records, settled } = listenOutbound();
    await call("", { method: "OPTIONS", path: "*" });
    await call("/end", { headers: ["Host", "pharmacy.example:8080", "Connection", "close"] as never });
    await settled(2);
    assert.deepEqual(
      records.map(({ service_name: name, request_repr: asked }) => [name, asked.endpoint]),
      [
        [new URL(service.url).host, `${service.url}/*`],
        ["pharmacy.example:8080", "http://pharmacy.example:8080/end"],
      ],
    );
  });

  it("that asks a proxy to connect is none", async () => {
    const { records, settled } = listenOutbound();
    // As for a proxy on port 80, whose name stands without its port.
    const headers = { host: "proxy.example" };
    await failure(
      http.request(service.url, { method: "CONNECT", path: "pharmacy.example:443", headers }).end(),
    );
    await call("/end");
    await settled(1);
    assert.deepEqual(
      records.map(({ request_repr }) => request_repr.endpoint),
      [`${service.url}/end`],
    );
  });

  it("by many at once has its own caller each, on connections that are used again", async () => {
    const { records, settled } = listenOutbound();
    const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
    await Promise.all(
      Array.from({ length: 80 }, (_, index) =>
        runAs({ actor: { id: index }, requestId: `request-${index}` }, () =>
          call(`/end?caller=${index}`, { agent }),
        ),
      ),
    );
    await settled(80);
    agent.destroy();
    assert.equal(records.length, 80);
    for (const { user, request_id, request_repr } of records) {
      assert.equal(request_id, `request-${user.id}`);
      assert.equal(request_repr.query_params.caller, String(user.id));
    }
    assert.equal(new Set(service.arrived.map(({ socket }) => socket)).size, 4);
  });

  it("within audit.ignore is not recorded; one under way when audit stops is unknown", async () => {
    const { records, stop } = listenOutbound();
    await runIgnored(() => call("/ignored"));
    const pending = call("/wait/60");
    await new Promise((resolve) => setTimeout(resolve, 20));
    stop();
    assert.deepEqual(JSON.parse((await pending).toString()), { waited: 60 });
    assert.deepEqual(
      records.map(({ outcome, request_repr }) => [outcome, request_repr.endpoint]),
      [["unknown", `${service.url}/wait/60`]],
    );
  });

  it("sends the trace that came in on where that was asked for, if Node tells of a request before it is written", async () => {
    const trace = { traceparent: TRACE, baggage: "k=v" };
    const { records, settled } = listenOutbound({ propagate: true });
    await runAs(trace, () => call("/end", { headers: { "X-Team": "ward" } }));
    await runAs(trace, () => call("/end", { headers: { Baggage: "own=1" } }));
    await runAs(trace, () => call("/end", { headers: ["host", "127.0.0.1", "x-team", "ward"] as never }));
    await call("/end");
    await settled(4);
    const sent = service.arrived.map(({ headers }) => [headers.traceparent?.slice(0, 35), headers.baggage]);
    const traced = TRACE.slice(0, 35);
    const parent = `audit-parent-id=${records[0]!["record_id"]},k=v`;
    assert.deepEqual(
      sent,
      EARLY
        ? [
            [traced, parent],
            [traced, "own=1"],
            [undefined, undefined],
            [undefined, undefined],
          ]
        : [
            [undefined, undefined],
            [undefined, "own=1"],
            [undefined, undefined],
            [undefined, undefined],
          ],
    );
    assert.equal(records[0]!["request_repr"].headers.baggage, sent[0]![1], "the record has what was sent");
    assert.ok(
      service.arrived.slice(0, 3).every(({ headers }, index) => index === 1 || headers["x-team"] === "ward"),
    );
  });
});
