/**
 * What axios sends is axios's call, and is not told again as one of fetch or of http.
 */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, afterEach, before, describe, it } from "node:test";
import axios, { type AxiosInstance } from "axios";
import FormDataPackage from "form-data";
import { captureAxios } from "#dist/capture/axios/axios";
import { runAs } from "#dist/context/run";
import { collectRecords } from "../../support/calls.js";
import { bytesOf, startService, type Service } from "../../support/service.js";
import { listenOutbound } from "./outbound.js";

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

const undos: (() => void)[] = [];
afterEach(() => {
  for (const undo of undos.splice(0)) undo();
});

/** All in one list: what axios's capture tells has the service's name, what the other tells the host. */
function both(instance: AxiosInstance) {
  const collected = collectRecords();
  const heard = listenOutbound({}, "full", collected);
  undos.push(heard.stop, captureAxios(instance, collected.emit, collected.options));
  return heard;
}

const outline = ({ service_name, request_repr }: Record<string, any>) =>
  `${service_name === "apollo" ? "axios" : "other"} ${request_repr.endpoint.replace(service.url, "")}`;

const quiet = () => new Promise((resolve) => setTimeout(resolve, 40));

for (const adapter of ["http", "fetch"] as const) {
  describe(`what axios sends by its ${adapter} adapter`, () => {
    it("is one record, however it ends and whatever it sends", async () => {
      const instance = axios.create({ baseURL: service.url, adapter });
      const { records } = both(instance);
      await instance.get("/end");
      await instance.get("/redirect/2");
      await instance.post("/text", "abc");
      await instance.get("/status/500").catch(() => {});
      await instance.get("/hang", { timeout: 30 }).catch(() => {});
      await instance.get("/reset").catch(() => {});
      const form = new FormData();
      form.set("scan", new Blob([bytesOf(100)]), "scan.png");
      await instance.post("/form", form);
      if (adapter === "http") {
        const file = new FormDataPackage();
        file.append("scan", bytesOf(100), "scan.png");
        await instance.post("/file", file);
        await instance.post("/direct", Readable.from([bytesOf(500), bytesOf(500)]), { maxRedirects: 0 });
        await instance.post("/stream", Readable.from([bytesOf(500), bytesOf(500)]));
      }
      await quiet();
      const streams = adapter === "http" ? ["axios /file", "axios /direct", "axios /stream"] : [];
      assert.deepEqual(records.map(outline), [
        "axios /end",
        "axios /redirect/2",
        "axios /text",
        "axios /status/500",
        "axios /hang",
        "axios /reset",
        "axios /form",
        ...streams,
      ]);
    });

    it("is one record from the copy of axios that `import` gives", async () => {
      const { default: esm } = await import("axios");
      const instance = esm.create({ baseURL: service.url, adapter }) as unknown as AxiosInstance;
      const { records } = both(instance);
      await quiet();
      await instance.get("/end");
      await quiet();
      assert.deepEqual(records.map(outline), ["axios /end"]);
    });
  });
}

describe("what axios sends with headers that are a plain object", () => {
  it("is one record, also where a trace is sent on", async () => {
    const instance = axios.create({ baseURL: service.url });
    instance.interceptors.request.use((config) => Object.assign(config, { headers: { "x-team": "ward" } }));
    const { records } = both(instance);
    const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    await runAs({ actor: null, traceparent }, () => instance.get("/end"));
    await quiet();
    assert.deepEqual(records.map(outline), ["axios /end"]);
  });
});

describe("what code beside the call sends", () => {
  it("is a record of its own, and an interceptor's names the call as its cause", async () => {
    const instance = axios.create({ baseURL: service.url });
    instance.interceptors.request.use(async (config) => {
      await fetch(`${service.url}/token`).then((answer) => answer.text());
      return config;
    });
    const { records } = both(instance);
    await runAs({ actor: { id: "ana" } }, async () => {
      await instance.get("/end");
      await fetch(`${service.url}/after`).then((answer) => answer.text());
    });
    await quiet();
    assert.deepEqual(records.map(outline), ["other /token", "axios /end", "other /after"]);
    const [token, call, later] = records;
    assert.equal(token!["parent_id"], call!["record_id"]);
    assert.equal(later!["parent_id"], null);
    assert.deepEqual(
      records.map(({ user }) => user.id),
      ["ana", "ana", "ana"],
    );
  });

  it("while it reads a stream of axios's is a record of its own", async () => {
    const instance = axios.create({ baseURL: service.url });
    const { records } = both(instance);
    const { data } = await instance.get<Readable>("/bytes/100", { responseType: "stream" });
    const asked: Promise<unknown>[] = [];
    data.on("data", () => asked.push(fetch(`${service.url}/during`).then((answer) => answer.text())));
    await new Promise((resolve) => data.on("end", resolve));
    await Promise.all(asked);
    await quiet();
    assert.deepEqual(records.map(outline).toSorted(), ["axios /bytes/100", "other /during"]);
  });
});
