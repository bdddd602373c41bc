/**
 * Calls by the package undici.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fetch, FormData, request as undiciRequest } from "undici";
import { assertCall } from "../../support/calls.js";
import { startService, type Service } from "../../support/service.js";
import { describeFetch, type FetchUnderTest } from "./fetches.js";
import { listenOutbound } from "./outbound.js";

describeFetch("undici's fetch", { call: fetch, Form: FormData, bodies: true } as unknown as FetchUnderTest);

let service: Service;
let common: object;
before(async () => {
  service = await startService();
  common = { service_name: new URL(service.url).host };
});
after(() => service.close());

const parts = (path: string, request: object, response: object, outcome = "success") => ({
  outcome,
  error_message: null,
  request_repr: { method: "GET", endpoint: service.url + path, query_params: {}, body: null, ...request },
  response_repr: { status_code: 200, body: null, ...response },
});

describe("a call by undici's request", () => {
  it("is one record", async () => {
    const { records, settled } = listenOutbound();
    const { body } = await undiciRequest(`${service.url}/end`, {
      method: "PUT",
      body: "abc",
      headers: { "X-A": "1" },
    });
    await body.json();
    await settled(1);
    assertCall(
      records[0]!,
      parts("/end", { method: "PUT", body: "abc" }, { body: { path: "/end", bytes: 3 } }),
      common,
    );
    assert.equal(records[0]!["request_repr"].headers["x-a"], "1");
  });

  it("is denied by a proxy that wants to know who asks, which fetch takes for a failure", async () => {
    const { records, settled } = listenOutbound();
    const { body, statusCode } = await undiciRequest(`${service.url}/status/407`);
    await body.dump();
    assert.equal(statusCode, 407);
    await settled(1);
    assertCall(
      records[0]!,
      parts("/status/407", {}, { status_code: 407, body: { status: 407 } }, "denied"),
      common,
    );
  });
});
