/**
 * Calls of axios over real sockets: one event each, and an application that sees what it would see without us.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, afterEach, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import axios, { AxiosError, type AxiosAdapter, type AxiosInstance, type AxiosResponse } from "axios";
import { captureAxios } from "#dist/capture/axios/axios";
import type { HttpCallEvent } from "#dist/capture/event";
import { buildCall } from "#dist/record/call";
import { headersFrom } from "#dist/record/http";
import { runAs, runIgnored } from "#dist/context/run";
import { faultSummaries } from "#dist/health";
import { collectCalls } from "../../support/events.js";
import { sha256 } from "../../support/service.js";

interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const arrived: Arrived[] = [];
let server: Server;
let url: string;
let refused: string;

before(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url: path = "", headers } = request;
      arrived.push({ method, url: path, headers, body: Buffer.concat(chunks).toString() });
      if (path.startsWith("/hang")) return;
      if (path.startsWith("/status/")) response.statusCode = Number(path.slice(8));
      if (path === "/redirect") {
        response.writeHead(302, { location: "/end" }).end();
        return;
      }
      if (path.startsWith("/as/")) {
        const [, , type, text] = path.split("/").map(decodeURIComponent);
        response.setHeader("content-type", type!).end(text);
        return;
      }
      response.setHeader("content-type", "application/json");
      const items = path === "/long" ? Array.from({ length: 1000 }, () => "x".repeat(70)) : undefined;
      const body = JSON.stringify({ path, received: chunks.length > 0, items });
      if (path === "/gzip") response.setHeader("content-encoding", "gzip").end(gzipSync(body));
      else response.end(body);
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const closed = createTcpServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  refused = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`;
  closed.close();
  await once(closed, "close");
});

after(() => {
  server.closeAllConnections();
  server.close();
});

let stop = () => {};
afterEach(() => {
  stop();
  arrived.length = 0;
});

function audited(instance: AxiosInstance = axios.create(), detail: "metadata" | "full" = "full") {
  const { events, emit, options } = collectCalls<HttpCallEvent>(detail);
  stop = captureAxios(instance, emit, options);
  return { instance, events };
}

const told = (bytes: Buffer) => ({ $stream: true, bytes: bytes.byteLength, sha256: sha256(bytes) });

const outline = ({ method, url: endpoint, status, outcome }: HttpCallEvent) =>
  `${method} ${endpoint.replace(url, "").replace(refused, "")} ${status} ${outcome}`;

async function sendSome(instance: AxiosInstance): Promise<Arrived[]> {
  arrived.length = 0;
  await instance.post(`${url}/same`, { a: [1, { b: "é" }] }, { params: { q: "x y" } });
  await instance.get(`${url}/same`, { auth: { username: "u", password: "p" } });
  return [...arrived];
}

describe("a call of axios", () => {
  it("is one event, with what went over the wire both ways", async () => {
    const { instance, events } = audited(axios.create({ headers: { "x-team": "ward" } }));
    const answer = await instance.post(
      `${url}/orders`,
      { drug: "aspirin", count: 2 },
      { params: { dry: 1 } },
    );
    assert.equal(answer.status, 200);
    const [{ at, durationMs, requestHeaders, responseHeaders, attempts, ...event }] = events as [
      HttpCallEvent,
    ];
    assert.equal(events.length, 1);
    assert.ok(at > 0 && durationMs > 0);
    assert.deepEqual(event, {
      kind: "call",
      protocol: "http",
      context: undefined,
      service: "apollo",
      recordId: "record-1",
      method: "POST",
      url: `${url}/orders?dry=1`,
      requestBody: '{"drug":"aspirin","count":2}',
      status: 200,
      responseBody: '{"path":"/orders?dry=1","received":true}',
      redirectedTo: null,
      outcome: "success",
      error: null,
      handler: null,
      extra: {},
    });
    assert.deepEqual(attempts, [{ status: 200, error: null, durationMs: attempts[0]!.durationMs }]);
    const [sent] = arrived as [Arrived];
    assert.equal(sent.headers["x-team"], headersFrom(requestHeaders)["x-team"]);
    assert.equal(sent.headers["content-type"], headersFrom(requestHeaders)["content-type"]);
    assert.equal(headersFrom(responseHeaders)["content-type"], "application/json");
  });

  it("is one event however it is written", async () => {
    const { instance, events } = audited(axios.create({ baseURL: url }));
    await instance("/a");
    await instance({ url: "/b", method: "delete" });
    await instance.request({ url: "/c" });
    await instance.get("d");
    await instance.put("/e", "text");
    await instance.postForm("/f", { field: "value" });
    assert.deepEqual(events.map(outline), [
      "GET /a 200 success",
      "DELETE /b 200 success",
      "GET /c 200 success",
      "GET /d 200 success",
      "PUT /e 200 success",
      "POST /f 200 success",
    ]);
  });

  for (const [name, make] of Object.entries<() => Promise<{ ask: Promise<unknown>; expected: string }>>({
    "an answer that says no": async () => ({
      ask: audited0.instance.get(`${url}/status/500`),
      expected: "GET /status/500 500 failure",
    }),
    "an answer that denies": async () => ({
      ask: audited0.instance.get(`${url}/status/403`),
      expected: "GET /status/403 403 denied",
    }),
    "nobody who listens": async () => ({
      ask: audited0.instance.get(`${refused}/x`),
      expected: "GET /x null failure",
    }),
    "no answer in time": async () => ({
      ask: audited0.instance.get(`${url}/hang`, { timeout: 50 }),
      expected: "GET /hang null failure",
    }),
    "a signal": async () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 30);
      return {
        ask: audited0.instance.get(`${url}/hang`, { signal: controller.signal }),
        expected: "GET /hang null aborted",
      };
    },
    "a signal that was given before": async () => ({
      ask: audited0.instance.get(`${url}/x`, { signal: AbortSignal.abort() }),
      expected: "GET /x null aborted",
    }),
    "a host that has no address": async () => ({
      ask: audited0.instance.get("http://nobody.invalid/x"),
      expected: "GET http://nobody.invalid/x null failure",
    }),
    "too much": async () => ({
      ask: audited0.instance.get(`${url}/large`, { maxContentLength: 5 }),
      expected: "GET /large 200 failure",
    }),
  })) {
    it(`that ends with ${name} rejects as without us, and is told so`, async () => {
      audited0 = audited();
      const { ask, expected } = await make();
      const error = await ask.then(
        () => assert.fail("it did not reject"),
        (reason: unknown) => reason,
      );
      assert.ok(error instanceof AxiosError);
      assert.deepEqual(audited0.events.map(outline), [expected]);
      assert.equal(audited0.events[0]!.error === error || expected.includes("aborted"), true);
    });
  }
  let audited0: ReturnType<typeof audited>;

  it("that the application takes for well, by validateStatus, is still told as what the server said", async () => {
    const { instance, events } = audited(axios.create({ validateStatus: () => true }));
    assert.equal((await instance.get(`${url}/status/404`)).status, 404);
    assert.deepEqual(events.map(outline), ["GET /status/404 404 failure"]);
    assert.equal(events[0]!.error, null);
  });

  it("follows redirects and unpacks answers as one call", async () => {
    const { instance, events } = audited();
    assert.equal((await instance.get(`${url}/redirect`)).data.path, "/end");
    assert.equal((await instance.get(`${url}/gzip`)).data.path, "/gzip");
    assert.deepEqual(events.map(outline), ["GET /redirect 200 success", "GET /gzip 200 success"]);
    assert.equal(events[1]!.responseBody, '{"path":"/gzip","received":false}');
  });

  it("leaves streams and bytes to the application", async () => {
    const { instance, events } = audited();
    const bytes = await instance.get(`${url}/bytes`, { responseType: "arraybuffer" });
    assert.equal(JSON.parse(Buffer.from(bytes.data).toString()).path, "/bytes");
    const stream = await instance.post(`${url}/stream`, Readable.from(["a", "b"]), {
      responseType: "stream",
    });
    const chunks: Buffer[] = [];
    for await (const chunk of stream.data as AsyncIterable<Buffer>) chunks.push(chunk);
    assert.equal(JSON.parse(Buffer.concat(chunks).toString()).path, "/stream");
    assert.equal(arrived.find(({ url: path }) => path === "/stream")!.body, "ab");
    assert.deepEqual(events.map(outline), ["GET /bytes 200 success", "POST /stream 200 success"]);
    assert.deepEqual(
      [events[1]!.requestBody, events[1]!.responseBody],
      [told(Buffer.from("ab")), told(Buffer.concat(chunks))],
    );
  });

  it("has the address that was asked, and runs no serializer of the application's again", async () => {
    let runs = 0;
    const { instance, events } = audited(
      axios.create({ paramsSerializer: { serialize: () => `run=${(runs += 1)}` } }),
    );
    await instance.get(`${url}/p`, { params: { a: 1 } });
    assert.equal(runs, 1);
    assert.equal(arrived[0]!.url, "/p?run=1");
    assert.deepEqual(events.map(outline), ["GET /p?run=1 200 success"]);
  });

  it("may be asked for by a URL object", async () => {
    const { instance, events } = audited();
    await instance.get(new URL(`${url}/x?page=2`) as unknown as string);
    await instance.get(new URL(`${url}/x`) as unknown as string, { params: { page: 3 } });
    assert.deepEqual(events.map(outline), ["GET /x?page=2 200 success", "GET /x?page=3 200 success"]);
  });

  it("is told without its bodies where only metadata is wanted", async () => {
    const { instance, events } = audited(axios.create(), "metadata");
    await instance.post(`${url}/x`, { a: 1 });
    assert.equal(events[0]!.requestBody, null);
    assert.equal(events[0]!.responseBody, null);
    assert.equal(events[0]!.status, 200);
  });
});

describe("the application's interceptors", () => {
  it("run in their own order and see what they would see, whether added before or after", async () => {
    const order: string[] = [];
    const instance = axios.create();
    const add = (name: string) => [
      instance.interceptors.request.use((config) => {
        order.push(`request ${name}`);
        config.headers.set("x-seen", name);
        return config;
      }),
      instance.interceptors.response.use((response) => {
        order.push(`response ${name}`);
        return response;
      }),
    ];
    const early = add("before");
    const { events } = audited(instance);
    const later = add("later");
    assert.deepEqual(
      [early, later],
      [
        [0, 0],
        [1, 1],
      ],
    );
    await instance.get(`${url}/x`);
    assert.deepEqual(order, ["request later", "request before", "response before", "response later"]);
    assert.equal(arrived[0]!.headers["x-seen"], "before");
    assert.equal(headersFrom(events[0]!.requestHeaders)["x-seen"], "before", "the event has what was sent");
  });

  it("may turn an answer into something else, or an error into an answer", async () => {
    const instance = axios.create();
    const { events } = audited(instance);
    instance.interceptors.response.use(
      (response) => (response as AxiosResponse).data as never,
      () => "rescued" as never,
    );
    assert.deepEqual(await instance.get(`${url}/x`), { path: "/x", received: false });
    assert.equal(await instance.get(`${url}/status/500`), "rescued");
    assert.deepEqual(events.map(outline), ["GET /x 200 success", "GET /status/500 500 failure"]);
  });

  it("may fail a call before it goes out", async () => {
    const instance = axios.create();
    const { events } = audited(instance);
    const broken = new Error("no token");
    instance.interceptors.request.use(() => Promise.reject(broken));
    await assert.rejects(instance.get(`${url}/x`), (error) => error === broken);
    assert.deepEqual(events.map(outline), ["GET /x null failure"]);
    assert.equal(events[0]!.error, broken);
    assert.equal(arrived.length, 0);
  });

  it("may give another request back, without an adapter", async () => {
    const { instance, events } = audited();
    const other = { url: `${url}/other`, method: "get" };
    instance.interceptors.request.use((() => other) as never, null, { synchronous: true });
    const { data } = await instance.get(`${url}/x`);
    await new Promise(setImmediate);
    assert.deepEqual(events.map(outline), ["GET /other 200 success"]);
    assert.equal(JSON.parse(data).path, "/other");
    assert.deepEqual(Object.keys(other), ["url", "method"]);
  });

  it("may forget to give the request back, or be asked in vain whether they run", async () => {
    const forgetful = [{}, { synchronous: true }].map((options) => {
      const instance = axios.create();
      instance.interceptors.request.use((() => {}) as never, null, options);
      return instance;
    });
    const asked = axios.create();
    asked.interceptors.request.use((config) => config, null, { runWhen: () => assert.fail("nobody knows") });
    for (const instance of [...forgetful, asked]) {
      const { events } = audited(instance);
      const error: unknown = await instance.get(`${url}/x`).catch((reason: unknown) => reason);
      assert.deepEqual(events.map(outline), ["GET /x null failure"]);
      assert.equal(events[0]!.error, error);
      stop();
      assert.equal(events.length, 1);
    }
    assert.equal(arrived.length, 0);
  });
});

const answerAs = (type: string, text: string) =>
  `${url}/as/${encodeURIComponent(type)}/${encodeURIComponent(text)}`;

describe("an answer", () => {
  it("of an adapter of the application's that does not tell what was asked is told with what was", async () => {
    const { instance, events } = audited();
    const answer = { data: "", status: 200, statusText: "", headers: {}, config: {} } as AxiosResponse;
    await instance.post(`${url}/x`, "abc", { adapter: async () => answer });
    assert.deepEqual(events.map(outline), ["POST /x 200 success"]);
    assert.equal(events[0]!.requestBody, "abc");
  });

  it("of an adapter of the application's has a status that is one, or none", async () => {
    const { instance, events } = audited();
    for (const status of [200, "404", "none", Number.NaN, Infinity, {}, undefined]) {
      const adapter: AxiosAdapter = async (config) =>
        ({ data: "", status, statusText: "", headers: {}, config }) as unknown as AxiosResponse;
      await instance.get(url, { adapter });
    }
    assert.deepEqual(
      events.map(({ status, outcome }) => [status, outcome]),
      [[200, "success"], [404, "failure"], ...Array.from({ length: 5 }, () => [null, "failure"])],
    );
  });

  it("that looks like what we have of a body is told as it is", async () => {
    const { instance, events } = audited();
    const text = '{"chunks":[],"bytes":1,"truncated":false,"parts":5}';
    await instance.get(answerAs("text/plain", text));
    const { response_repr: answer } = buildCall(events[0]!, { recordId: "1", serviceName: "spec" });
    assert.equal((answer as { body: unknown }).body, text);
  });
});

describe("a JSON answer", () => {
  const DIGITS = '{ "id": 12345678901234567890, "rate": 1.50 }';

  it("is told as it came, with all its digits, and given as axios makes it", async () => {
    const { instance, events } = audited();
    const { data } = await instance.get(answerAs("application/json", DIGITS));
    assert.deepEqual(data, JSON.parse(DIGITS));
    await assert.rejects(instance.get(`${url}/status/500`));
    const { data: own } = await instance.get(answerAs("application/problem+json; charset=utf-8", DIGITS), {
      transformResponse: (text: string) => ({ length: text.length }),
    });
    assert.deepEqual(own, { length: DIGITS.length });
    assert.deepEqual(
      events.map(({ responseBody }) => responseBody),
      [DIGITS, '{"path":"/status/500","received":false}', DIGITS],
    );
  });

  it("is told as axios makes it where it does not say that it is JSON, or is long", async () => {
    const { instance, events } = audited();
    await instance.get(answerAs("text/plain", DIGITS));
    const list = await instance.get(`${url}/long`);
    assert.equal(list.data.items.length, 1000);
    assert.deepEqual(events[0]!.responseBody, JSON.parse(DIGITS));
    assert.deepEqual(events[1]!.responseBody, list.data);
  });

  it("is not told without bodies", async () => {
    const { instance, events } = audited(axios.create(), "metadata");
    await instance.get(answerAs("application/json", DIGITS));
    assert.equal(events[0]!.responseBody, null);
  });
});

describe("the context of a call", () => {
  it("is that of its caller, and its trace is sent on, where one came in", async () => {
    const { instance, events } = audited();
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await runAs({ actor: { id: "ana" }, traceparent }, () => instance.get(`${url}/traced`));
    await runAs({ actor: { id: "ben" } }, () => instance.get(`${url}/plain`));
    await runIgnored(() => instance.get(`${url}/ignored`));
    assert.deepEqual(
      events.map(({ context }) => context?.actor()?.id),
      ["ana", "ben"],
    );
    const [traced, plain] = arrived as [Arrived, Arrived];
    assert.match(
      String(traced.headers["traceparent"]),
      /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/,
    );
    assert.equal(plain.headers["traceparent"], undefined);
    assert.equal(plain.headers["baggage"], undefined);
  });

  it("is sent on where an interceptor has put headers of its own in the place of axios's", async () => {
    const own = Object.freeze({ "X-Team": "ward", TraceState: "own=1" });
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const { instance, events } = audited();
    instance.interceptors.request.use((config) => Object.assign(config, { headers: own }));
    await runAs({ actor: null, traceparent, tracestate: "theirs=1" }, () => instance.get(`${url}/traced`));
    const [{ headers }] = arrived as [Arrived];
    assert.match(String(headers["traceparent"]), /^00-0af7651916cd43dd8448eb211c80319c-/);
    assert.deepEqual([headers["x-team"], headers["tracestate"]], ["ward", "own=1"]);
    assert.deepEqual(Object.keys(own), ["X-Team", "TraceState"]);
    assert.equal(events.length, 1);
    assert.deepEqual(faultSummaries(), []);
  });
});

describe("an axios instance that is given back", () => {
  it("is as it was, and calls of it are not told", async () => {
    const instance = axios.create();
    const untouched = Reflect.ownKeys(instance.interceptors.request);
    const { events } = audited(instance);
    stop();
    await instance.get(`${url}/x`);
    assert.deepEqual(events, []);
    assert.deepEqual(Reflect.ownKeys(instance.interceptors.request), untouched);
  });

  it("sends the very same bytes with and without us", async () => {
    const bare = await sendSome(axios.create());
    assert.deepEqual(await sendSome(audited().instance), bare);
  });

  it("may be of the other copy of axios, which `import` gives", async () => {
    const esm = (await import("axios")).default;
    const { instance, events } = audited(esm.create() as unknown as AxiosInstance);
    await assert.rejects(instance.get(`${url}/status/500`));
    assert.deepEqual(events.map(outline), ["GET /status/500 500 failure"]);
  });
});
