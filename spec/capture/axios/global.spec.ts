/**
 * The global axios, of both copies, and defaults that are changed after the attach: what goes over the wire, what the
 * application is given, and what is recorded.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import axios, { type AxiosInstance, type AxiosStatic } from "axios";
import log4js from "log4js";
import { audit, auditLogging } from "activity-audit";
import { assertRecords, type WrittenRecord } from "../../support/schema.js";
import { startService, type Service } from "../../support/service.js";

let service: Service;
let directory: string;
before(async () => (service = await startService()));
after(() => service.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "axios-"));
  log4js.configure(auditLogging({ directory, serviceName: "spec", console: false }));
  audit.start({ serviceName: "spec" });
});
afterEach(async () => {
  await audit.stop();
  await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
  rmSync(directory, { recursive: true, force: true });
  service.arrived.length = 0;
});

async function written(): Promise<WrittenRecord[]> {
  await audit.flush();
  return assertRecords(readFileSync(join(directory, "api.log"), "utf8"));
}

/** `import axios from "axios"` in an ES module; TypeScript makes `require` of it here. */
async function copies(): Promise<Record<"require" | "import", AxiosStatic>> {
  const load = new Function("return import('axios')") as () => Promise<{ default: AxiosStatic }>;
  const imported = (await load()).default;
  assert.notEqual(imported, axios);
  return { require: axios, import: imported };
}

const outline = ({ service_name, request_repr, outcome, error_message }: WrittenRecord) =>
  [
    service_name,
    request_repr.method,
    request_repr.endpoint.replace(service.url, ""),
    outcome,
    error_message,
  ] as const;

describe("the global axios", () => {
  for (const copy of ["require", "import"] as const) {
    it(`that \`${copy}\` gives is recorded in every form of a call, but not the instances made of it`, async () => {
      const web = (await copies())[copy];
      const plain = { ...web.defaults };
      const undo = audit.attach(web, { service: "web" });
      const { url } = service;
      const instance = web.create({ baseURL: url });
      await web(`${url}/a`);
      await web({ url: `${url}/b`, method: "post", data: { dose: 2 } });
      await web.get(`${url}/c`);
      await web.request({ url: `${url}/d`, method: "delete" });
      await web.postForm(`${url}/e`, { a: 1 });
      await assert.rejects(web.get(`${url}/status/503`), (error) => web.isAxiosError(error));
      await web.all([web.head(`${url}/f`), web.options(`${url}/g`)]);
      await instance.get("/instance");
      undo();
      await web.get(`${url}/after`);
      assert.deepEqual((await written()).map(outline), [
        ["web", "GET", "/a", "success", null],
        ["web", "POST", "/b", "success", null],
        ["web", "GET", "/c", "success", null],
        ["web", "DELETE", "/d", "success", null],
        ["web", "POST", "/e", "success", null],
        ["web", "GET", "/status/503", "failure", "Request failed with status code 503"],
        ["web", "HEAD", "/f", "success", null],
        ["web", "OPTIONS", "/g", "success", null],
      ]);
      assert.deepEqual({ ...web.defaults }, plain);
      assert.deepEqual(audit.health().faults, []);
    });
  }
});

/** Changes everything that can be changed of an instance that is in use, call by call; what the application got. */
async function changing(instance: AxiosInstance): Promise<unknown[]> {
  const got: unknown[] = [];
  const ask = (path: string, data?: object): Promise<unknown> =>
    instance({ url: path, ...(data && { method: "post", data }) }).then(
      (answer) => got.push([answer.status, answer.data]),
      (error: { code: string; message: string }) => got.push([error.code, error.message]),
    );
  const { defaults } = instance;
  defaults.baseURL = `${service.url}/moved`;
  await ask("/one");
  defaults.headers.common["X-Ward"] = "north";
  defaults.headers.post["X-Kind"] = "order";
  await ask("/two", { a: 1 });
  defaults.params = { tenant: 4 };
  defaults.paramsSerializer = { serialize: (params) => `t=${String(params["tenant"])}` };
  await ask("/three");
  defaults.transformRequest = [(data: object) => JSON.stringify({ wrapped: data })];
  await ask("/four", { b: 2 });
  defaults.transformResponse = [(text: string) => `raw ${text}`];
  await ask("/five");
  defaults.baseURL = service.url;
  defaults.validateStatus = () => true;
  await ask("/status/404");
  defaults.timeout = 500;
  await ask("/hang");
  defaults.timeout = 0;
  defaults.maxContentLength = 10;
  await ask("/bytes/5000");
  defaults.maxContentLength = -1;
  defaults.maxRedirects = 1;
  await ask("/redirect/5");
  defaults.adapter = async (config) => ({ data: "{}", status: 299, statusText: "", headers: {}, config });
  await ask("/by-adapter");
  return got;
}

const wire = () =>
  service.arrived
    .splice(0)
    .map(({ method, url, headers, body }) => ({ method, url, headers, body: String(body) }));

describe("defaults that are changed after the attach", () => {
  it("hold for the next call as without us, and the record has what was sent by them", async () => {
    const alone = { got: await changing(axios.create()), wire: wire() };
    const instance = axios.create();
    audit.attach(instance, { service: "web" });
    assert.deepEqual({ got: await changing(instance), wire: wire() }, alone);
    assert.equal(alone.wire.length, 10);
    const records = await written();
    assert.deepEqual(
      records.map(({ request_repr: asked, response_repr: answered, outcome }) => [
        asked.endpoint.replace(service.url, ""),
        asked.query_params,
        asked.body,
        answered.status_code,
        outcome,
      ]),
      [
        ["/moved/one", {}, null, 200, "success"],
        ["/moved/two", {}, { a: 1 }, 200, "success"],
        ["/moved/three", { t: "4" }, null, 200, "success"],
        ["/moved/four", { t: "4" }, { wrapped: { b: 2 } }, 200, "success"],
        ["/moved/five", { t: "4" }, {}, 200, "success"],
        ["/status/404", { t: "4" }, {}, 404, "failure"],
        ["/hang", { t: "4" }, {}, null, "failure"],
        ["/bytes/5000", { t: "4" }, {}, 200, "failure"],
        ["/redirect/5", { t: "4" }, {}, null, "failure"],
        ["/by-adapter", { t: "4" }, {}, 299, "success"],
      ],
    );
    const [, two] = records;
    assert.deepEqual(
      [two!["request_repr"].headers["x-ward"], two!["request_repr"].headers["x-kind"]],
      ["north", "order"],
    );
  });
});
