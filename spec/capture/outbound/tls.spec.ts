/**
 * Calls over TLS that no client of ours makes: of the protocol https, and a failure where the certificate is nobody's.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import https from "node:https";
import { after, before, describe, it } from "node:test";
import { assertCall } from "../../support/calls.js";
import { selfSigned, type SelfSigned } from "../../support/tls.js";
import { listenOutbound } from "./outbound.js";

let service: SelfSigned;
before(async () => (service = await selfSigned()));
after(() => service.close());

const parts = (path: string, status: number | null, error: string | null) => ({
  outcome: error === null ? "success" : "failure",
  error_message: error,
  request_repr: { method: "GET", endpoint: service.url + path, query_params: {}, body: null },
  response_repr: { status_code: status, body: null },
});
const overTls = () => ({ protocol: "https", service_name: new URL(service.url).host });

describe("a call over TLS", () => {
  it("by https.get is one record", async () => {
    const { records, settled } = listenOutbound();
    const [error] = (await once(https.get(`${service.url}/x`), "error")) as [Error];
    const request = https.get(`${service.url}/y`, { ca: service.certificate });
    const [answer] = (await once(request, "response")) as [IncomingMessage];
    answer.resume();
    await once(answer, "close");
    await settled(2);
    assert.equal(records.length, 2);
    assertCall(records[0]!, parts("/x", null, error.message), overTls());
    assertCall(records[1]!, parts("/y", 200, null), overTls());
  });

  it("by fetch is one record", async () => {
    const { records, settled } = listenOutbound();
    const failed = (await fetch(`${service.url}/x`).catch((reason: unknown) => reason)) as Error;
    await settled(1);
    assert.equal(records.length, 1);
    assertCall(records[0]!, parts("/x", null, (failed.cause as Error).message), overTls());
  });
});
