/**
 * The same calls with and without us: the same bytes on the wire, the same results and errors, the same interceptors in
 * the same order with the same values.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import axios, {
  AxiosError,
  type AxiosInstance,
  type AxiosRequestConfig,
  type InternalAxiosRequestConfig,
} from "axios";
import axiosRetry from "axios-retry";
import { captureAxios } from "#dist/capture/axios/axios";
import { collectCalls } from "../../support/events.js";
import { startService, type Service } from "../../support/service.js";

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

const ORDERINGS: Record<string, AxiosRequestConfig["transitional"]> = {
  "no ordering asked for": undefined,
  "transitional options that do not say": {},
  "the old ordering": { legacyInterceptorReqResOrdering: true },
  "the new ordering": { legacyInterceptorReqResOrdering: false },
};

/** Fails once, then answers without a network. */
function customAdapter() {
  let calls = 0;
  return async (config: InternalAxiosRequestConfig) => {
    calls += 1;
    if (calls % 2 === 1) throw new AxiosError("no line", "ENOLINE", config);
    return { data: `answer ${calls}`, status: 200, statusText: "OK", headers: {}, config };
  };
}

const ADAPTERS: Record<string, () => AxiosRequestConfig["adapter"]> = {
  "http adapter": () => "http",
  "fetch adapter": () => "fetch",
  "first adapter that there is": () => ["xhr", "fetch"],
  "custom adapter": () => customAdapter(),
  "unknown adapter": () => "nonesuch",
};

/** Times, and what belongs to one call: not the same in any two. */
const UNLIKE = new Set<PropertyKey>(["request", "duration", "lastRequestTime", "signal", "date"]);
const NESTED = new Set<PropertyKey>([
  "config",
  "headers",
  "transitional",
  "response",
  "axios-retry",
  "transformRequest",
]);

/** Everything that can be seen of a value, down to which properties are its own; functions by name. */
function seen(value: unknown): unknown {
  if (value instanceof Error) {
    const { code, message, name, config, response, status } = value as AxiosError;
    const keys = Reflect.ownKeys(value);
    return { name, code, message, status, keys, config: seen(config), response: seen(response) };
  }
  if (typeof value === "function") return `function ${value.name}`;
  if (typeof value !== "object" || value === null) return value;
  const out: Record<string, unknown> = {};
  for (const key of Reflect.ownKeys(value)) {
    if (UNLIKE.has(key)) continue;
    const { enumerable, value: inner } = Object.getOwnPropertyDescriptor(value, key)!;
    out[String(key)] = [enumerable, NESTED.has(key) || typeof inner === "function" ? seen(inner) : inner];
  }
  return out;
}

function withInterceptors(instance: AxiosInstance, log: unknown[], synchronous: boolean): void {
  for (const name of ["one", "two"]) {
    instance.interceptors.request.use(
      (config) => {
        log.push([`request ${name}`, seen(config)]);
        return config;
      },
      (error) => {
        log.push([`request error ${name}`, seen(error)]);
        throw error;
      },
      { synchronous, runWhen: (config) => config.headers.get("x-skip") !== name },
    );
    instance.interceptors.response.use(
      (response) => {
        log.push([`response ${name}`, seen(response)]);
        return response;
      },
      (error) => {
        log.push([`response error ${name}`, seen(error)]);
        throw error;
      },
    );
  }
}

async function sendAll(instance: AxiosInstance, log: unknown[]): Promise<void> {
  const calls: [string, AxiosRequestConfig][] = [
    ["/end", { method: "post", data: { dose: 1 }, params: { a: [1, 2] } }],
    ["/end", { method: "put", data: "text", headers: { "x-skip": "one" } }],
    ["/status/404", {}],
    ["/status/500", { validateStatus: () => true, responseType: "text" }],
    ["/bytes/100", { responseType: "arraybuffer" }],
    ["/redirect/1", {}],
    ["/end", { signal: AbortSignal.abort() }],
    ["/end", { method: "post", data: { a: 1 }, transformRequest: [() => assert.fail("transform")] }],
    ["/gzip", {}],
    ["/flaky", {}],
  ];
  for (const [path, config] of calls) {
    service.failures = 1;
    log.push(
      await instance({ url: path, ...config }).then(
        (response) => ["result", seen(response)],
        (error: unknown) => ["error", seen(error)],
      ),
    );
  }
}

const wire = () =>
  service.arrived.splice(0).map(({ method, url, headers, body }) => ({ method, url, headers, body }));

/** Runs all calls on a new instance; the answers, and all that was seen and sent on the way. */
async function observe(
  audited: boolean,
  adapter: AxiosRequestConfig["adapter"],
  transitional: AxiosRequestConfig["transitional"],
  synchronous: boolean,
) {
  const instance = axios.create({
    baseURL: service.url,
    adapter: adapter!,
    headers: { "user-agent": "spec" },
    ...(transitional && { transitional }),
  });
  const log: unknown[] = [];
  withInterceptors(instance, log, synchronous);
  if (transitional === undefined) axiosRetry(instance, { retries: 1, retryDelay: () => 1 });
  const { events, emit, options } = collectCalls();
  const undo = audited ? captureAxios(instance, emit, options) : undefined;
  await sendAll(instance, log);
  undo?.();
  assert.equal(events.length, audited ? 10 : 0);
  return { log, wire: wire() };
}

for (const [adapterName, adapter] of Object.entries(ADAPTERS)) {
  describe(`an application with the ${adapterName}`, () => {
    for (const [ordering, transitional] of Object.entries(ORDERINGS)) {
      for (const synchronous of [true, false]) {
        const kind = synchronous ? "synchronous" : "asynchronous";
        it(`and ${ordering}, with ${kind} interceptors, sees and sends the same`, async () => {
          const [without, withUs] = [
            await observe(false, adapter(), transitional, synchronous),
            await observe(true, adapter(), transitional, synchronous),
          ];
          assert.ok(without.log.length > 40);
          assert.deepEqual(withUs, without);
        });
      }
    }
  });
}

describe("what a call gives", () => {
  it("is the very response and the very error that came through the interceptors", async () => {
    const instance = axios.create({ baseURL: service.url });
    const passed: unknown[] = [];
    instance.interceptors.response.use(
      (response) => (passed.push(response), response),
      (error: unknown) => (passed.push(error), Promise.reject(error)),
    );
    const { emit, options } = collectCalls();
    const undo = captureAxios(instance, emit, options);
    const response = await instance.get("/end");
    const error: unknown = await instance.get("/status/500").catch((reason: unknown) => reason);
    undo();
    assert.equal(passed[0], response);
    assert.equal(passed[1], error);
  });

  it("has the stack of the caller, and none of ours in it", async () => {
    const instance = axios.create({ baseURL: service.url });
    const { emit, options } = collectCalls();
    const undo = captureAxios(instance, emit, options);
    const error = await instance.get("/status/500").catch((reason: unknown) => reason as Error);
    undo();
    assert.match((error as Error).stack!, /untouched\.spec/u);
    assert.doesNotMatch((error as Error).stack!, /dist\/capture/u);
  });
});
