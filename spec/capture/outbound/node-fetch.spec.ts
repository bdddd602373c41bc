/**
 * Calls by Node's own `fetch`; the undici in Node 20 tells of no bodies, that of Node 24 does.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { runIgnored } from "#dist/context/run";
import { assertCall } from "../../support/calls.js";
import { startService, type Service } from "../../support/service.js";
import { describeFetch } from "./fetches.js";
import { listenOutbound } from "./outbound.js";

const bodies = Number(process.versions["undici"]!.split(".")[0]) >= 7;

describeFetch("Node's fetch", { call: fetch, Form: FormData, bodies });

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

describe("what is chosen", () => {
  it("is not recorded within audit.ignore, nor where no rule lets it, nor once stopped", async () => {
    const { records, settled, stop } = listenOutbound({
      include: ["127.0.0.1"],
      exclude: [(url) => url.pathname === "/no"],
    });
    await runIgnored(() => fetch(`${service.url}/ignored`));
    await fetch(`${service.url}/no`);
    await fetch("http://nobody.invalid/x").catch(() => {});
    await fetch(`${service.url}/yes`).then((answer) => answer.text());
    await settled(1);
    stop();
    await fetch(`${service.url}/later`).then((answer) => answer.text());
    assert.deepEqual(
      records.map(({ request_repr }) => request_repr.endpoint),
      [`${service.url}/yes`],
    );
  });

  it("is named by its host, or as the application says; and without bodies as metadata", async () => {
    const { host } = new URL(service.url);
    const { records, settled } = listenOutbound({ services: { [host]: "apollo" } }, "metadata");
    await fetch(`${service.url}/end`, { method: "POST", body: "abc" }).then((answer) => answer.text());
    await settled(1);
    assertCall(records[0]!, {
      outcome: "success",
      error_message: null,
      request_repr: { method: "POST", endpoint: `${service.url}/end`, query_params: {}, body: null },
      response_repr: { status_code: 200, body: null },
    });
  });
});
