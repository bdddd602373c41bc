/**
 * Every way in which a call of axios ends, over real sockets, as a whole record; the truth is what the service got and
 * what the application was given.
 */
import assert from "node:assert/strict";
import { Agent as HttpsAgent } from "node:https";
import { after, afterEach, before, describe, it } from "node:test";
import axios, { AxiosError, type AxiosInstance, type AxiosRequestConfig } from "axios";
import FormDataPackage from "form-data";
import { captureAxios } from "#dist/capture/axios/axios";
import { assertCall, collectRecords, type CallParts } from "../../support/calls.js";
import { bytesOf, sha256, startService, type Service } from "../../support/service.js";
import { selfSigned } from "../../support/tls.js";

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

let undo = () => {};
afterEach(() => {
  undo();
  service.arrived.length = 0;
});

function audited(config: AxiosRequestConfig = {}) {
  const instance: AxiosInstance = axios.create({ baseURL: service.url, ...config });
  const { records, emit, options } = collectRecords();
  undo = captureAxios(instance, emit, options);
  return { instance, records };
}

/** The parts of a call's record; what is not said is as of a GET that was answered with nothing. */
function parts(path: string, more: Partial<CallParts> & { request?: object; response?: object }): CallParts {
  const { request, response, ...rest } = more;
  const { pathname, origin } = new URL(path, service.url);
  return {
    outcome: "success",
    error_message: null,
    request_repr: { method: "GET", endpoint: origin + pathname, query_params: {}, body: null, ...request },
    response_repr: { status_code: 200, body: null, ...response },
    ...rest,
  };
}

const signalAfter = (ms: number): AbortSignal => {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), ms);
  return controller.signal;
};

const cancelAfter = (ms: number) => {
  const source = axios.CancelToken.source();
  setTimeout(() => source.cancel("no longer needed"), ms);
  return source.token;
};

const FAILURES: Record<string, [string, () => AxiosRequestConfig, string, () => CallParts]> = {
  "an answer that says no": [
    "/status/500",
    () => ({}),
    "ERR_BAD_RESPONSE",
    () =>
      parts("/status/500", {
        outcome: "failure",
        error_message: "Request failed with status code 500",
        response: { status_code: 500, body: { status: 500 } },
      }),
  ],
  "a proxy that wants to know who asks": [
    "/status/407",
    () => ({}),
    "ERR_BAD_REQUEST",
    () =>
      parts("/status/407", {
        outcome: "denied",
        error_message: "Request failed with status code 407",
        response: { status_code: 407, body: { status: 407 } },
      }),
  ],
  "a connection that is reset": [
    "/reset",
    () => ({}),
    "ECONNRESET",
    () =>
      parts("/reset", {
        outcome: "failure",
        error_message: "read ECONNRESET",
        response: { status_code: null },
      }),
  ],
  "no answer in time": [
    "/hang",
    () => ({ timeout: 40 }),
    "ECONNABORTED",
    () =>
      parts("/hang", {
        outcome: "failure",
        error_message: "timeout of 40ms exceeded",
        response: { status_code: null },
      }),
  ],
  "an answer that begins in time and does not end": [
    "/stall",
    () => ({ timeout: 2000 }),
    "ERR_BAD_RESPONSE",
    () =>
      parts("/stall", {
        outcome: "failure",
        error_message: "stream has been aborted",
        response: { status_code: 200 },
      }),
  ],
  "an answer that breaks off": [
    "/slowly/4?break",
    () => ({}),
    "ERR_BAD_RESPONSE",
    () =>
      parts("/slowly/4", {
        outcome: "failure",
        error_message: "stream has been aborted",
        request: { query_params: { break: "" } },
      }),
  ],
  "a signal": [
    "/hang",
    () => ({ signal: signalAfter(20) }),
    "ERR_CANCELED",
    () => parts("/hang", { outcome: "aborted", error_message: "canceled", response: { status_code: null } }),
  ],
  "a cancel token": [
    "/hang",
    () => ({ cancelToken: cancelAfter(20) }),
    "ERR_CANCELED",
    () =>
      parts("/hang", {
        outcome: "aborted",
        error_message: "no longer needed",
        response: { status_code: null },
      }),
  ],
  "a signal that was given before": [
    "/end",
    () => ({ signal: AbortSignal.abort() }),
    "ERR_CANCELED",
    () => parts("/end", { outcome: "aborted", error_message: "canceled", response: { status_code: null } }),
  ],
  "more than is wanted": [
    "/bytes/5000",
    () => ({ maxContentLength: 100, responseType: "arraybuffer" }),
    "ERR_BAD_RESPONSE",
    () =>
      parts("/bytes/5000", { outcome: "failure", error_message: "maxContentLength size of 100 exceeded" }),
  ],
  "more than may be sent": [
    "/end",
    () => ({ method: "post", data: bytesOf(200), maxBodyLength: 100 }),
    "ERR_BAD_REQUEST",
    () =>
      parts("/end", {
        outcome: "failure",
        error_message: "Request body larger than maxBodyLength limit",
        request: { method: "POST", body: { $binary: 200 } },
        response: { status_code: null },
      }),
  ],
  "what is no URL": [
    "http:/nobody",
    () => ({ params: { a: 1 } }),
    "ERR_INVALID_URL",
    () => ({
      outcome: "failure",
      error_message: 'Invalid URL "http:/nobody": missing "//" after protocol',
      request_repr: { method: "GET", endpoint: "http:/nobody", query_params: {}, body: null },
      response_repr: { status_code: null, body: null },
    }),
  ],
  "too many redirects": [
    "/redirect/9",
    () => ({ maxRedirects: 2 }),
    "ERR_FR_TOO_MANY_REDIRECTS",
    () =>
      parts("/redirect/9", {
        outcome: "failure",
        error_message: "Maximum number of redirects exceeded",
        response: { status_code: null },
      }),
  ],
};

describe("a call that fails", () => {
  for (const [name, [path, config, code, expected]] of Object.entries(FAILURES)) {
    it(`with ${name} rejects with axios's own error, and is one record`, async () => {
      const { instance, records } = audited();
      const error: unknown = await instance(path, config()).catch((reason: unknown) => reason);
      assert.ok(error instanceof AxiosError);
      assert.equal(error.code, code);
      assert.equal(records.length, 1);
      assertCall(records[0]!, expected());
    });
  }

  it("with nobody who listens, or a host that has no address, has no status", async () => {
    const { instance, records } = audited();
    await assert.rejects(instance.get(`${service.refused}/x`), { code: "ECONNREFUSED" });
    await assert.rejects(instance.get("http://nobody.invalid/x"), { code: "ENOTFOUND" });
    const endpoints = [`${service.refused}/x`, "http://nobody.invalid/x"];
    const messages = [
      `connect ECONNREFUSED ${service.refused.replace("http://", "")}`,
      "getaddrinfo ENOTFOUND nobody.invalid",
    ];
    for (const [index, record] of records.entries()) {
      assertCall(record, {
        outcome: "failure",
        error_message: messages[index]!,
        request_repr: { method: "GET", endpoint: endpoints[index], query_params: {}, body: null },
        response_repr: { status_code: null, body: null },
      });
    }
    assert.equal(records.length, 2);
  });
});

describe("the address of a call", () => {
  const ASKED: [AxiosRequestConfig, string, object][] = [
    [{ url: "/end" }, "/end", {}],
    [{ url: "end" }, "/end", {}],
    [{ url: "/end?a=1", params: { b: [1, 2], c: "é x" } }, "/end", { a: "1", "b[]": ["1", "2"], c: "é x" }],
    [{ url: "/end#part", params: { b: 1 } }, "/end", { b: "1" }],
    [{ url: "/end?a=1#part" }, "/end", { a: "1" }],
    [{ url: "/end", params: new URLSearchParams("q=x+y&q=z") }, "/end", { q: ["x y", "z"] }],
    [{ url: "/end", params: { a: 1 }, paramsSerializer: { serialize: () => "own=1" } }, "/end", { own: "1" }],
    [{ url: "/redirect/0", params: { a: 1 } }, "/redirect/0", { a: "1" }],
  ];
  for (const adapter of ["http", "fetch"] as const) {
    it(`is that which the service was asked by the ${adapter} adapter`, async () => {
      for (const [config, path, query] of ASKED) {
        for (const base of [service.url, `${service.url}/`]) {
          const { instance, records } = audited({ baseURL: base, adapter });
          service.arrived.length = 0;
          await instance.request(config);
          const { endpoint, query_params } = records[0]!["request_repr"];
          assert.equal(endpoint, service.url + path);
          const serialized = adapter === "fetch" && config.paramsSerializer;
          if (!serialized) assert.deepEqual(query_params, query);
          const arrived = new URL(service.arrived[0]!.url, service.url);
          assert.equal(arrived.origin + arrived.pathname, endpoint);
          undo();
        }
      }
    });
  }
});

describe("a call over TLS", () => {
  it("is of the protocol https, and fails where the certificate is nobody's", async () => {
    const server = await selfSigned();
    const url = `${server.url}/x`;
    const { instance, records } = audited();
    const httpsAgent = new HttpsAgent({ ca: server.certificate });
    await assert.rejects(instance.get(url), { code: "DEPTH_ZERO_SELF_SIGNED_CERT" });
    assert.equal((await instance.get(url, { httpsAgent })).data, "well");
    await assert.rejects(instance.get(`${service.url.replace("http:", "https:")}/x`), AxiosError);
    server.close();
    const request_repr = { method: "GET", endpoint: url, query_params: {}, body: null };
    assertCall(
      records[0]!,
      {
        outcome: "failure",
        // Newer Nodes add advice to it.
        error_message: /^self-signed certificate/u.exec(records[0]!["error_message"])?.input ?? "",
        request_repr,
        response_repr: { status_code: null, body: null },
      },
      { protocol: "https" },
    );
    assertCall(
      records[1]!,
      {
        outcome: "success",
        error_message: null,
        request_repr,
        response_repr: { status_code: 200, body: "well" },
      },
      { protocol: "https" },
    );
    assert.deepEqual(
      records.map(({ outcome, protocol }) => `${protocol} ${outcome}`),
      ["https failure", "https success", "https failure"],
    );
  });
});

/** What the service answers to what it has no other answer for. */
const answered = (path: string, bytes: number) => ({ path, bytes });

describe("a call that is answered", () => {
  const BODIES: Record<string, [() => unknown, AxiosRequestConfig, unknown]> = {
    "an object": [() => ({ dose: 2, password: "x" }), {}, { dose: 2, password: "[REDACTED]" }],
    "a text": [() => "hello", { headers: { "content-type": "text/plain" } }, "hello"],
    "a form": [() => new URLSearchParams({ a: "1", token: "x" }), {}, { a: "1", token: "[REDACTED]" }],
    "a Buffer": [() => bytesOf(300), {}, { $binary: 300 }],
    "an ArrayBuffer": [() => new Uint8Array(20).buffer, {}, { $binary: 20 }],
  };
  for (const [name, [body, config, expected]] of Object.entries(BODIES)) {
    it(`to ${name} is one record with what was sent`, async () => {
      const { instance, records } = audited();
      await instance.post("/end", body(), config);
      const redacted = JSON.stringify(expected).includes("REDACTED")
        ? { redacted: [`/request_repr/body/${Object.keys(expected as object)[1]}`] }
        : {};
      assertCall(
        records[0]!,
        parts("/end", {
          request: { method: "POST", body: expected },
          response: { body: answered("/end", service.arrived[0]!.body.byteLength) },
          ...redacted,
        }),
      );
    });
  }

  it("to a multipart form of the web is one record with its fields and its files", async () => {
    const { instance, records } = audited();
    const form = new FormData();
    form.set("name", "Ana");
    form.set("password", "x");
    form.set("scan", new Blob([bytesOf(400)], { type: "image/png" }), "scan.png");
    await instance.post("/end", form);
    assertCall(
      records[0]!,
      parts("/end", {
        request: {
          method: "POST",
          body: {
            name: "Ana",
            password: "[REDACTED]",
            scan: { filename: "scan.png", content_type: "image/png", bytes: 400, sha256: null },
          },
        },
        response: { body: answered("/end", service.arrived[0]!.body.byteLength) },
        redacted: ["/request_repr/body/password"],
      }),
    );
  });

  it("to a form of the form-data package is one record with its files' hashes", async () => {
    const { instance, records } = audited();
    const form = new FormDataPackage();
    form.append("name", "Ana");
    form.append("scan", bytesOf(70_000), { filename: "scan.png", contentType: "image/png" });
    await instance.post("/end", form);
    const { body } = service.arrived[0]!;
    assert.ok(body.includes(bytesOf(70_000)));
    const scan = {
      filename: "scan.png",
      content_type: "image/png",
      bytes: 70_000,
      sha256: sha256(bytesOf(70_000)),
    };
    assertCall(
      records[0]!,
      parts("/end", {
        request: { method: "POST", body: { name: "Ana", scan } },
        response: { body: answered("/end", body.byteLength) },
      }),
    );
  });

  it("to a form of more parts than are read is one record that says so", async () => {
    const { instance, records } = audited();
    const form = new FormDataPackage();
    for (let part = 0; part < 1100; part += 1) form.append(part < 1000 ? "a" : "b", "1");
    await instance.post("/end", form);
    const { body } = service.arrived[0]!;
    const a = Array.from({ length: 1000 }, () => "1");
    assertCall(
      records[0]!,
      parts("/end", {
        request: { method: "POST", body: { a, $clipped: "multipart", $length: body.byteLength } },
        response: { body: answered("/end", body.byteLength) },
      }),
    );
  });

  for (const coding of ["gzip", "br"]) {
    it(`in ${coding} is one record that can be read`, async () => {
      const { instance, records } = audited();
      await instance.get(`/${coding}`);
      assertCall(records[0]!, parts(`/${coding}`, { response: { body: { packed: coding } } }));
    });
  }

  it("with bytes, or with nothing, is one record that says so", async () => {
    const { instance, records } = audited();
    await instance.get("/bytes/4096", { responseType: "arraybuffer" });
    await instance.get("/empty");
    assertCall(records[0]!, parts("/bytes/4096", { response: { body: { $binary: 4096 } } }));
    assertCall(records[1]!, parts("/empty", { response: { status_code: 204, body: "" } }));
  });

  it("after redirects is one record that says where they led, its query redacted", async () => {
    const { instance, records } = audited();
    await instance.get("/redirect/2");
    assert.equal(service.arrived.length, 4);
    assertCall(
      records[0]!,
      parts("/redirect/2", {
        response: {
          body: answered("/end", 0),
          redirected_to: { endpoint: `${service.url}/end`, query_params: { token: "[REDACTED]" } },
        },
        redacted: ["/response_repr/redirected_to/query_params/token"],
      }),
    );
  });

  it("by a custom adapter is one record of what that gave", async () => {
    const { instance, records } = audited({
      adapter: async (config) => ({
        data: '{"from":"memory"}',
        status: 200,
        statusText: "OK",
        headers: {},
        config,
      }),
    });
    assert.deepEqual((await instance.get("/x")).data, { from: "memory" });
    assertCall(records[0]!, parts("/x", { response: { body: { from: "memory" } } }));
  });

  it("not before audit stops is told as unknown, and once", async () => {
    const { instance, records } = audited();
    const pending = instance.get("/wait/60");
    await new Promise((resolve) => setTimeout(resolve, 20));
    undo();
    assertCall(records[0]!, parts("/wait/60", { outcome: "unknown", response: { status_code: null } }));
    assert.deepEqual((await pending).data, { waited: 60 });
    assert.equal(records.length, 1);
  });
});
