/**
 * A call that is repeated inside axios is one event, with its attempts; and whatever else interceptors call is not.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import axios, {
  AxiosError,
  type AxiosInstance,
  type AxiosResponse,
  type InternalAxiosRequestConfig,
} from "axios";
import axiosRetry from "axios-retry";
import { captureAxios } from "#dist/capture/axios/axios";
import type { HttpCallEvent } from "#dist/capture/event";
import { headersFrom } from "#dist/record/http";
import { currentContext } from "#dist/context/context";
import { runAs } from "#dist/context/run";
import { collectCalls } from "../../support/events.js";
import { startService, type Service } from "../../support/service.js";

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

const undos: (() => void)[] = [];
afterEach(() => {
  for (const undo of undos.splice(0)) undo();
  service.arrived.length = 0;
  service.failures = 0;
});

function audited(instance: AxiosInstance, collected = collectCalls<HttpCallEvent>()) {
  undos.push(captureAxios(instance, collected.emit, collected.options));
  return collected;
}

const outline = (event: HttpCallEvent) => ({
  // Versions of axios encode brackets, or do not.
  call: `${event.method} ${decodeURIComponent(event.url).replace(service.url, "").replace(service.refused, "")}`,
  status: event.status,
  outcome: event.outcome,
  attempts: event.attempts.map(({ status }) => status),
});

/** Calls again, once, what was answered 503; as people write it by hand. */
function repeatByHand(
  instance: AxiosInstance,
  call: (config: InternalAxiosRequestConfig) => Promise<unknown>,
) {
  instance.interceptors.response.use(undefined, async (error: AxiosError) => {
    const config = error.config as InternalAxiosRequestConfig & { repeated?: boolean };
    if (error.response?.status !== 503 || config.repeated) throw error;
    config.repeated = true;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return call(config);
  });
}

describe("a call that is repeated", () => {
  it("by axios-retry is one event that ends as the last attempt did", async () => {
    const instance = axios.create({ baseURL: service.url });
    axiosRetry(instance, { retries: 3, retryDelay: () => 1 });
    const { events } = audited(instance);
    service.failures = 2;
    assert.deepEqual((await instance.get("/flaky", { params: { a: [1] } })).data, { ok: true });
    assert.equal(service.arrived.length, 3);
    assert.deepEqual(events.map(outline), [
      { call: "GET /flaky?a[]=1", status: 200, outcome: "success", attempts: [503, 503, 200] },
    ]);
    const [event] = events as [HttpCallEvent];
    assert.equal(event.responseBody, '{"ok":true}');
    assert.deepEqual(
      event.attempts.map(({ error }) => (error as AxiosError | null)?.code),
      ["ERR_BAD_RESPONSE", "ERR_BAD_RESPONSE", undefined],
    );
    const sum = event.attempts.reduce((total, { durationMs }) => total + durationMs, 0);
    assert.ok(sum <= event.durationMs, "no attempt has another's time in it");
  });

  it("in vain rejects with the last attempt's own error", async () => {
    const instance = axios.create({ baseURL: service.url });
    axiosRetry(instance, { retries: 2, retryDelay: () => 1 });
    const { events } = audited(instance);
    service.failures = 9;
    const error: unknown = await instance.get("/flaky").catch((reason: unknown) => reason);
    assert.ok(error instanceof AxiosError);
    assert.deepEqual(events.map(outline), [
      { call: "GET /flaky", status: 503, outcome: "failure", attempts: [503, 503, 503] },
    ]);
    assert.equal(events[0]!.error, error);
    assert.equal(events[0]!.attempts[2]!.error, error);
  });

  it("where nobody listens has attempts without a status", async () => {
    const instance = axios.create({ baseURL: service.refused });
    axiosRetry(instance, { retries: 1, retryDelay: () => 1 });
    const { events } = audited(instance);
    await assert.rejects(instance.get("/x"), { code: "ECONNREFUSED" });
    assert.deepEqual(events.map(outline), [
      { call: "GET /x", status: null, outcome: "failure", attempts: [null, null] },
    ]);
  });

  it("by hand is one event, its body as it was sent each time", async () => {
    const instance = axios.create({ baseURL: service.url });
    repeatByHand(instance, (config) => instance(config));
    const { events } = audited(instance);
    service.failures = 1;
    await instance.post("/flaky", { dose: 2 });
    assert.deepEqual(
      service.arrived.map(({ body }) => body.toString()),
      ['{"dose":2}', '{"dose":2}'],
    );
    assert.deepEqual(events.map(outline), [
      { call: "POST /flaky", status: 200, outcome: "success", attempts: [503, 200] },
    ]);
    assert.deepEqual(events[0]!.requestBody, '{"dose":2}');
  });

  it("on another instance is a call of that one, caused by the first", async () => {
    const [instance, other] = [axios.create({ baseURL: service.url }), axios.create()];
    repeatByHand(instance, (config) => other(config));
    const collected = audited(instance);
    audited(other, collected);
    service.failures = 1;
    await runAs({ actor: { id: "ana" } }, () => instance.get("/flaky"));
    const { events } = collected;
    assert.deepEqual(events.map(outline), [
      { call: "GET /flaky", status: 200, outcome: "success", attempts: [200] },
      { call: "GET /flaky", status: 503, outcome: "failure", attempts: [503] },
    ]);
    assert.equal(events[0]!.context?.recordId, events[1]!.recordId);
  });

  it("a hundred times at once keeps each attempt with its own call", async () => {
    const instance = axios.create({ baseURL: service.url });
    axiosRetry(instance, { retries: 4, retryDelay: () => 1 });
    const { events } = audited(instance);
    service.failures = 60;
    const calls = Array.from({ length: 100 }, () => instance.get("/flaky").catch(() => null));
    const answers = await Promise.all(calls);
    assert.equal(events.length, 100);
    const attempts = events.flatMap((event) => event.attempts);
    assert.equal(attempts.length, service.arrived.length);
    assert.equal(attempts.filter(({ status }) => status === 503).length, 60);
    assert.equal(
      events.filter(({ outcome }) => outcome === "success").length,
      answers.filter(Boolean).length,
    );
  });
});

describe("what an interceptor calls besides", () => {
  it("is a call of its own, caused by the call: a token that is fetched, and then the call again", async () => {
    const instance = axios.create({ baseURL: service.url });
    let token = "old";
    instance.interceptors.request.use((config) => {
      config.headers.set("x-token", token);
      return config;
    });
    instance.interceptors.response.use(undefined, async (error: AxiosError) => {
      if (token === "new") throw error;
      await instance.post("/token", { grant: "refresh" });
      token = "new";
      return instance(error.config!);
    });
    const { events } = audited(instance);
    await runAs({ actor: { id: "ana" } }, () => assert.rejects(instance.get("/status/401")));
    assert.deepEqual(events.map(outline), [
      { call: "POST /token", status: 200, outcome: "success", attempts: [200] },
      { call: "GET /status/401", status: 401, outcome: "denied", attempts: [401, 401] },
    ]);
    const [fetched, call] = events as [HttpCallEvent, HttpCallEvent];
    assert.equal(fetched.context?.recordId, call.recordId);
    assert.equal(call.context?.recordId, null);
    assert.equal(headersFrom(call.requestHeaders)["x-token"], "new");
  });

  const PAGES: Record<string, (page: number) => object> = {
    "an object": (page) => ({ page }),
    URLSearchParams: (page) => new URLSearchParams({ page: String(page) }),
  };
  for (const [form, params] of Object.entries(PAGES)) {
    it(`is a call of its own when it asks for the next page by ${form}`, async () => {
      const instance = axios.create({ baseURL: service.url });
      instance.interceptors.response.use(async (response) => {
        const page = Number(/page=(\d)/.exec(instance.getUri(response.config))![1]);
        if (page < 3) await instance.get("/list", { params: params(page + 1) });
        return response;
      });
      const { events } = audited(instance);
      await instance.get("/list", { params: params(1) });
      assert.deepEqual(
        events.map(({ url, attempts }) => [url.replace(service.url, ""), attempts.length]),
        [
          ["/list?page=3", 1],
          ["/list?page=2", 1],
          ["/list?page=1", 1],
        ],
      );
    });
  }

  it("after the call has ended is no part of it", async () => {
    const instance = axios.create({ baseURL: service.url });
    let later: Promise<unknown> | undefined;
    instance.interceptors.response.use((response) => {
      later ??= new Promise((resolve) => setTimeout(resolve, 20)).then(() => instance.get("/x"));
      return response;
    });
    const { events } = audited(instance);
    await instance.get("/x");
    await later;
    assert.deepEqual(
      events.map(({ attempts }) => attempts.length),
      [1, 1],
    );
  });

  it("runs in the call's context, with the values and the `this` that axios gives", async () => {
    const instance = axios.create({ baseURL: service.url });
    const seen: unknown[] = [];
    instance.interceptors.request.use(function (this: unknown, config) {
      seen.push(this, currentContext()?.recordId, currentContext()?.actor()?.id);
      return config;
    });
    instance.interceptors.response.use(function (this: unknown, response: AxiosResponse) {
      seen.push(this, currentContext()?.recordId, currentContext()?.actor()?.id);
      return response;
    });
    const { events } = audited(instance);
    await runAs({ actor: { id: "ana" } }, () => instance.get("/x"));
    const { recordId } = events[0]!;
    assert.deepEqual(seen, [undefined, recordId, "ana", undefined, recordId, "ana"]);
  });
});
