/**
 * Calls that go out, in a running audit: one request's whole story in the files, and what the switches leave of it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import http, { type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import axios from "axios";
import express from "express";
import log4js from "log4js";
import { audit, auditLogging, type AuditOptions } from "activity-audit";
import { assertRecords, type WrittenRecord } from "../support/schema.js";
import { startService, type Service } from "../support/service.js";

let service: Service;
let directory: string;
before(async () => (service = await startService()));
after(() => service.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "outbound-"));
  log4js.configure(auditLogging({ directory, serviceName: "spec", console: false }));
});
afterEach(async () => {
  await audit.stop();
  await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
  rmSync(directory, { recursive: true, force: true });
});

async function calls(): Promise<WrittenRecord[]> {
  await audit.flush();
  return assertRecords(readFileSync(join(directory, "api.log"), "utf8"));
}

async function ask(path: string): Promise<void> {
  const [response] = (await once(http.get(service.url + path), "response")) as [IncomingMessage];
  response.resume();
  await once(response, "close");
}

const start = (options: Partial<AuditOptions>) => audit.start({ serviceName: "spec", ...options });

/** One call in each way. */
async function callAll(): Promise<void> {
  await fetch(`${service.url}/by-fetch`).then((answer) => answer.text());
  await ask("/by-http");
  await audit.ignore(() => fetch(`${service.url}/ignored`).then((answer) => answer.text()));
}

const outline = ({ service_name, request_repr, response_repr }: WrittenRecord) =>
  [
    service_name,
    request_repr.endpoint.replace(service.url, ""),
    response_repr.body === null ? "without its body" : "with its body",
  ].join(" ");

/** Which undici Node has, and whether it tells of bodies. */
const bodies = Number(process.versions["undici"]!.split(".")[0]) >= 7 ? "with its body" : "without its body";

describe("calls that go out", () => {
  it("within a request are caused by it, however they are made", async () => {
    const { host } = new URL(service.url);
    start({ actor: (request) => request.user, outbound: { services: { [host]: "apollo" } } });
    const client = axios.create({ baseURL: service.url });
    audit.attach(client, { service: "pharmacy" });
    const app = express();
    app.use(audit.express());
    app.get("/story/:id", (request, response, next) => {
      (request as unknown as { user: object }).user = { id: request.params.id };
      callAll()
        .then(() => client.get("/by-axios"))
        .then(() => response.json({ done: true }), next);
    });
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    // The caller's own calls are made outside of any request, and are calls too.
    await audit.ignore(() =>
      Promise.all([1, 2, 3].map((id) => fetch(`${url}/story/${id}`).then((answer) => answer.text()))),
    );
    server.close();
    const records = await calls();
    const requests = records.filter(({ request_type }) => request_type === "internal");
    assert.equal(requests.length, 3);
    for (const { record_id, request_id, user } of requests) {
      const caused = records.filter(({ parent_id }) => parent_id === record_id);
      assert.deepEqual(caused.map(({ service_name }) => service_name).toSorted(), [
        "apollo",
        "apollo",
        "pharmacy",
      ]);
      assert.ok(caused.every((call) => call["request_id"] === request_id && call["user"].id === user.id));
    }
    assert.equal(records.length, 12);
    assert.equal(audit.health().ok, true);
  });

  it("are not recorded unless they are asked for", async () => {
    start({});
    await callAll();
    assert.deepEqual(await calls(), []);
  });

  it("are recorded by one way alone, without their bodies, or not at all, as is chosen", async () => {
    const { host } = new URL(service.url);
    start({ outbound: { http: false } });
    await callAll();
    await audit.stop();
    start({ outbound: true, external: "metadata" });
    await callAll();
    await audit.stop();
    start({ outbound: true, external: false });
    await callAll();
    await audit.stop();
    start({ outbound: { log: "full" }, external: false });
    await callAll();
    assert.deepEqual((await calls()).map(outline), [
      `${host} /by-fetch ${bodies}`,
      `${host} /by-fetch without its body`,
      `${host} /by-http without its body`,
      `${host} /by-fetch ${bodies}`,
      `${host} /by-http without its body`,
    ]);
  });

  it("under way when audit stops are told before it says that it has stopped", async () => {
    start({ outbound: true });
    const pending = fetch(`${service.url}/wait/80`);
    await new Promise((resolve) => setTimeout(resolve, 30));
    await audit.stop();
    await (await pending).text();
    assert.deepEqual(
      (await calls()).map(({ outcome }) => outcome),
      ["unknown"],
    );
  });
});
