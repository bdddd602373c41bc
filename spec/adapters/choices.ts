/**
 * What users choose about requests, by options alone; alike on every framework.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { it } from "node:test";
import { fetchOnce } from "../support/http-client.js";
import { STYLE_SHEET } from "../support/http-server.js";
import { textOf } from "../support/requests.js";
import type { Stage } from "./endings.js";

type Headed = { readonly headers: Record<string, string | undefined> };

export function choices({ running, fresh }: Stage): void {
  it("records a file that is sent", async () => {
    const { wait } = fresh();
    const answer = await fetchOnce(running().port, { path: "/app.css" });
    const [event] = await wait(1);
    assert.equal(answer.body.toString(), readFileSync(STYLE_SHEET, "utf8"));
    assert.deepEqual([event?.url, event?.status, event?.outcome], ["/app.css", 200, "success"]);
    assert.equal(textOf(event?.responseBody ?? null), answer.body.toString());
  });

  it("leaves health checks and static files out by one option, unless they fail", async () => {
    const { wait } = fresh({ skip: ["health", "static"] });
    const { port } = running();
    for (const path of ["/health", "/app.css", "/missing.css", "/patients/7"])
      await fetchOnce(port, { path });
    assert.deepEqual(
      (await wait(2)).map(({ url, status }) => [url, status]),
      [
        ["/missing.css", 404],
        ["/patients/7", 200],
      ],
    );
  });

  it("records only what is included, by path, pattern or a function of the request", async () => {
    const { wait } = fresh({
      include: ["/patients/*", /^\/mov/, ({ headers }) => headers["x-audit"] === "yes"],
      exclude: "/patients/8",
    });
    const { port } = running();
    for (const path of ["/patients/7", "/patients/8", "/moved", "/empty"]) await fetchOnce(port, { path });
    await fetchOnce(port, { path: "/health", headers: { "x-audit": "yes" } });
    assert.deepEqual(
      (await wait(3)).map(({ url }) => url),
      ["/patients/7", "/moved", "/health"],
    );
  });

  it("says whose data it was, why, and for whom, as the framework's own request tells", async () => {
    const { wait } = fresh({
      tenant: ({ headers }: Headed) => headers["x-tenant"],
      reason: ({ headers }: Headed) => headers["x-reason"],
      onBehalfOf: ({ headers }: Headed) => (headers["x-for"] ? { id: headers["x-for"] } : null),
    });
    await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        fetchOnce(running().port, {
          path: `/patients/${n}`,
          headers: {
            "x-user": "support",
            "x-tenant": `t${n}`,
            "x-reason": `ticket ${n}`,
            ...(n % 2 === 0 && { "x-for": `u${n}` }),
          },
        }),
      ),
    );
    for (const { url, context } of await wait(20)) {
      const n = Number(url.split("/")[2]);
      assert.deepEqual(context?.actor(), { id: "support" });
      assert.deepEqual(context?.extra, {
        tenant: `t${n}`,
        reason: `ticket ${n}`,
        ...(n % 2 === 0 && { on_behalf_of: { id: `u${n}` } }),
      });
    }
  });
}
