/**
 * What a call was made of is garbage when the call is over, and a minor collection, which looks only at what is new,
 * finds it: nothing that has become old, alive or dead itself, leads to it.
 */
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { after, before, describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import axios, { type AxiosAdapter } from "axios";
import { request as undici } from "undici";
import { captureAxios } from "#dist/capture/axios/axios";
import { collectCalls } from "../support/events.js";
import { startService, type Service } from "../support/service.js";
import { listenOutbound } from "./outbound/outbound.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "minor" }) => void;

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

const CALLS = 300;
const CALLS_A_COLLECTION = 20;
const AT_ONCE = 8;
const BALLAST_BYTES = 1 << 14;

/** @returns the bytes of all buffers that are left */
async function collected(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  collect({ type: "minor" });
  return process.memoryUsage().arrayBuffers;
}

/**
 * How many of the objects that `call` gives one of each are there yet, when all calls are over. Each is given a buffer to
 * keep: those are counted. What a `WeakRef` leads to would be kept by it until the next major collection.
 */
async function leftOver(call: () => Promise<object>): Promise<number> {
  // What is here before the first call becomes old.
  for (let times = 0; times < 3; times += 1) await collected();
  const begun = await collected();
  let calls = 0;
  const several = async (): Promise<void> => {
    while (calls < CALLS) {
      calls += 1;
      const collects = calls % CALLS_A_COLLECTION === 0;
      Object.assign(await call(), { ballast: new ArrayBuffer(BALLAST_BYTES) });
      if (collects) await collected();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, several));
  for (let times = 0; times < 3; times += 1) await collected();
  return Math.round(((await collected()) - begun) / BALLAST_BYTES);
}

/* What is under way at a collection may stay until the next major one. */
const SOME = (AT_ONCE * CALLS) / CALLS_A_COLLECTION;

const ANSWER = { data: "{}", status: 200, statusText: "OK", headers: {} };

const adapter: AxiosAdapter = async (config) => {
  await new Promise((resolve) => setImmediate(resolve));
  return { ...ANSWER, config };
};

describe("what a call was made of is soon garbage", () => {
  it("by http.request", async () => {
    const { stop } = listenOutbound({ fetch: false });
    const agent = new Agent({ keepAlive: true });
    const left = await leftOver(async () => {
      const sent = request(`${service.url}/end`, { agent });
      sent.end();
      const [answer] = await once(sent, "response");
      answer.resume();
      await once(sent, "close");
      return sent;
    });
    stop();
    agent.destroy();
    assert.ok(left <= SOME, `${left} of ${CALLS} requests are left`);
  });

  it("by undici", async () => {
    const { stop } = listenOutbound({ http: false });
    let made: object = {};
    const heard = (message: unknown): void => void (made = (message as { request: object }).request);
    subscribe("undici:request:create", heard);
    const left = await leftOver(async () => {
      const answer = undici(`${service.url}/end`);
      const own = made;
      await (await answer).body.text();
      return own;
    });
    unsubscribe("undici:request:create", heard);
    stop();
    assert.ok(left <= SOME, `${left} of ${CALLS} requests are left`);
  });

  it("by axios", async () => {
    const instance = axios.create({ adapter });
    const { emit, options } = collectCalls();
    const undo = captureAxios(instance, () => void emit, options);
    const left = await leftOver(async () => (await instance.get(`${service.url}/end`)).config);
    undo();
    assert.ok(left <= SOME, `${left} of ${CALLS} configurations are left`);
  });
});
