/**
 * Calls of an older axios: its errors are none of the language's, and what it gives up before it sends anything, it tells
 * no interceptor. It comes from a folder of its own: npm i --no-save --prefix .axios16 axios@1.6
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import Module from "node:module";
import { resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import type { AxiosInstance, AxiosStatic, InternalAxiosRequestConfig } from "axios";
import { captureAxios } from "#dist/capture/axios/axios";
import { collectRecords } from "../../support/calls.js";
import type { WrittenRecord } from "../../support/schema.js";
import { startService, type Service } from "../../support/service.js";

const folder = resolve(process.env["AUDIT_AXIOS16"] ?? ".axios16");
const missing = !existsSync(`${folder}/node_modules/axios`) && `no axios 1.6 in ${folder}`;

describe("axios 1.6", () => {
  it("is the version that these specs run on", { skip: process.env["CI"] ? false : missing }, () => {
    assert.match((require("axios/package.json") as { version: string }).version, /^1\.6\./u);
  });
});

if (!missing) {
  resolveAxiosIn(folder);
  // oxlint-disable-next-line import/no-unassigned-import -- it brings its own specs
  require("./attempts.spec.js");
  describe("a call of axios 1.6", () => describeCalls(require("axios") as AxiosStatic));
}

function describeCalls(axios: AxiosStatic): void {
  let service: Service;
  before(async () => (service = await startService()));
  after(() => service.close());

  /** The call with us and without: what became of it for who called, and its record. */
  async function both(options: object, ask: (instance: AxiosInstance) => Promise<unknown>) {
    const [plain, watched] = [0, 1].map(() => axios.create({ baseURL: service.url, ...options }));
    const { records, emit, options: tools } = collectRecords();
    const undo = captureAxios(watched!, emit, tools);
    const ends = [];
    for (const instance of [plain!, watched!]) ends.push(await ask(instance).then(outlineOf, outlineOf));
    // What was never sent is told by the next turn of the event loop.
    for (let turn = 0; turn < 100 && records.length === 0; turn += 1)
      await new Promise((next) => setImmediate(next));
    undo();
    assert.deepEqual(ends[1], ends[0]);
    assert.equal(records.length, 1);
    const [{ outcome, error_message: message, request_repr: sent, response_repr: got }] = records as [
      WrittenRecord,
    ];
    return { outcome, message, sent, got };
  }

  it("is one record, with what went over the wire both ways", async () => {
    const { outcome, message, sent, got } = await both({ headers: { "x-team": "ward" } }, (instance) =>
      instance.post("/end", { dose: 2, password: "y" }, { params: { page: 2 } }),
    );
    assert.deepEqual([outcome, message, sent.method, got.status_code], ["success", null, "POST", 200]);
    assert.deepEqual([sent.query_params, sent.body], [{ page: "2" }, { dose: 2, password: "[REDACTED]" }]);
    assert.deepEqual([sent.headers["x-team"], sent.headers["content-type"]], ["ward", "application/json"]);
    assert.deepEqual(got.body, { path: "/end", bytes: 25 });
  });

  it("that is answered with a no has the error's message, and nothing else of the error", async () => {
    const { outcome, message, got } = await both({}, (instance) => instance.get("/status/503"));
    assert.deepEqual(
      [outcome, message, got.status_code],
      ["failure", "Request failed with status code 503", 503],
    );
  });

  it("that nobody answers has the system's message", async () => {
    const { outcome, message } = await both({}, (instance) => instance.get(`${service.refused}/x`));
    assert.equal(outcome, "failure");
    assert.match(message, /^connect ECONNREFUSED/u);
  });

  it("that is given up before it is sent is told, and leaves nothing on the request", async () => {
    const configs: InternalAxiosRequestConfig[] = [];
    const keep = (instance: AxiosInstance): AxiosInstance => {
      instance.interceptors.request.use((config) => (configs.push(config), config), null, {
        synchronous: true,
      });
      return instance;
    };
    const aborted = await both({}, (instance) => keep(instance).get("/x", { signal: AbortSignal.abort() }));
    assert.deepEqual([aborted.outcome, aborted.message], ["aborted", "canceled"]);
    const thrown = await both({ transformRequest: refuses }, (instance) =>
      keep(instance).post("/x", { dose: 2 }),
    );
    assert.deepEqual(
      [thrown.outcome, thrown.message],
      ["failure", "axios gave the request up before it was sent"],
    );
    const nowhere = await both({ adapter: "nope" }, (instance) => keep(instance).get("/x"));
    assert.deepEqual(
      [nowhere.outcome, nowhere.message],
      ["failure", "axios gave the request up before it was sent"],
    );
    assert.equal(configs.length, 6);
    assert.deepEqual(
      configs.map(({ adapter }) => adapter),
      configs.map((_, index) => (index < 4 ? ["xhr", "http"] : "nope")),
    );
  });

  it("that is given up by what the instance or an interceptor does at once is told", async () => {
    const interceptor = (instance: AxiosInstance): AxiosInstance => {
      instance.interceptors.request.use(refuses, null, { synchronous: true });
      return instance;
    };
    const transformed = await both({ transformRequest: [refuses] }, (instance) => instance.get("/x"));
    const intercepted = await both({}, (instance) => interceptor(instance).get("/x"));
    const adapted = await both({ adapter: refuses }, (instance) => instance.get("/x"));
    assert.deepEqual(
      [transformed, intercepted, adapted].map(({ outcome, message }) => [outcome, message]),
      [
        ["failure", "axios gave the request up before it was sent"],
        ["failure", "no such dose"],
        ["failure", "no such dose"],
      ],
    );
  });
}

function refuses(): never {
  throw new Error("no such dose");
}

function outlineOf(end: unknown): unknown {
  const { status, data, message, code, name } = end as Record<string, unknown>;
  return { status, data, message, code, name };
}

/** Makes everybody in this process find the axios of that folder. */
function resolveAxiosIn(root: string): void {
  const loader = Module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string };
  const { _resolveFilename: resolveFilename } = loader;
  const parent = { filename: `${root}/spec.js`, paths: [`${root}/node_modules`] };
  Object.assign(loader, {
    _resolveFilename(request: string, from: unknown, ...rest: unknown[]): string {
      const ours = request === "axios" || request.startsWith("axios/");
      return Reflect.apply(resolveFilename, loader, [request, ours ? parent : from, ...rest]) as string;
    },
  });
}
