/**
 * How calls by a `fetch` are recorded, over real sockets: whole records, and nothing changed for who calls.
 *
 * Node's own is run in a file that does not load the package undici, which would take its place under `fetch`.
 */
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, afterEach, before, describe, it } from "node:test";
import { runAs } from "#dist/context/run";
import { assertCall } from "../../support/calls.js";
import { bytesOf, startService, type Service } from "../../support/service.js";
import { until } from "../../support/until.js";
import { heard, listenOutbound, type Listening } from "./outbound.js";

let service: Service;
let common: object;
before(async () => {
  service = await startService();
  common = { service_name: new URL(service.url).host };
});
after(() => service.close());

afterEach(() => {
  service.arrived.length = 0;
});

const TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const parts = (path: string, response: object, more: { request?: object; [field: string]: unknown } = {}) => {
  const { request, ...rest } = more;
  return {
    outcome: "success",
    error_message: null,
    request_repr: { method: "GET", endpoint: service.url + path, query_params: {}, body: null, ...request },
    response_repr: { status_code: 200, body: null, ...response },
    ...rest,
  };
};

/** When the service has a request. */
const arrived = () => until(() => service.arrived.length > 0);

/** The two versions of undici word it differently. */
function aborted({ error_message: message }: Listening["records"][0]): string {
  assert.match(message, /^(?:This|The) operation was aborted/u);
  return message;
}

export interface FetchUnderTest {
  readonly call: typeof fetch;
  readonly Form: typeof FormData;
  /** Whether this version tells of bodies. */
  readonly bodies: boolean;
}

export function describeFetch(name: string, { call, Form, bodies }: FetchUnderTest): void {
  const told = (body: unknown): unknown => (bodies ? body : null);

  describe(`a call by ${name}`, () => {
    it("is one record, with what went over the wire both ways", async () => {
      const { records, settled } = listenOutbound();
      const answer = await call(`${service.url}/end?page=2&token=abc`, {
        method: "POST",
        headers: { "content-type": "application/json", Authorization: "Bearer x", "x-team": "ward" },
        body: JSON.stringify({ dose: 2, password: "y" }),
      });
      assert.deepEqual(await answer.json(), { path: "/end", bytes: 25 });
      await settled(1);
      const [record] = records as [Listening["records"][0]];
      assertCall(
        record,
        parts(
          "/end",
          { body: told({ path: "/end", bytes: 25 }) },
          {
            request: {
              method: "POST",
              query_params: { page: "2", token: "[REDACTED]" },
              body: told({ dose: 2, password: "[REDACTED]" }),
            },
            redacted: [
              "/request_repr/query_params/token",
              "/request_repr/headers/authorization",
              ...(bodies ? ["/request_repr/body/password"] : []),
            ],
          },
        ),
        common,
      );
      const [{ headers }] = service.arrived as [Service["arrived"][0]];
      const { authorization, ...sent } = record["request_repr"].headers;
      assert.equal(authorization, "Bearer [REDACTED]");
      for (const [header, value] of Object.entries(sent)) assert.equal(headers[header], value);
      assert.equal(sent["x-team"], "ward");
      assert.equal(record["response_repr"].headers["content-type"], "application/json");
      assert.ok(record["execution_time"] > 0);
    });

    it("is told by the status, and an answer that says no is no success", async () => {
      const { records, settled } = listenOutbound();
      for (const status of [204, 401, 404, 503])
        await call(`${service.url}/status/${status}`, { method: "HEAD" });
      await settled(4);
      assert.deepEqual(
        records.map(({ outcome, response_repr }) => [response_repr.status_code, outcome]),
        [
          [204, "success"],
          [401, "denied"],
          [404, "failure"],
          [503, "failure"],
        ],
      );
    });

    const ENDINGS: Record<string, [() => Promise<unknown>, () => ReturnType<typeof parts>]> = {
      "nobody who listens": [
        () => call(`${service.refused}/x`),
        () =>
          parts(
            "",
            { status_code: null },
            {
              request: { endpoint: `${service.refused}/x` },
              outcome: "failure",
              error_message: `connect ECONNREFUSED ${service.refused.slice(7)}`,
            },
          ),
      ],
      "a host that has no address": [
        () => call("http://nobody.invalid/x"),
        () =>
          parts(
            "",
            { status_code: null },
            {
              request: { endpoint: "http://nobody.invalid/x" },
              outcome: "failure",
              error_message: "getaddrinfo ENOTFOUND nobody.invalid",
            },
          ),
      ],
      "a signal": [
        () => {
          const controller = new AbortController();
          void arrived().then(() => controller.abort());
          return call(`${service.url}/hang`, { signal: controller.signal });
        },
        () =>
          parts(
            "/hang",
            { status_code: null },
            { outcome: "aborted", error_message: aborted(heard().records[0]!) },
          ),
      ],
      "a reason of the application's": [
        () => {
          const controller = new AbortController();
          void arrived().then(() => controller.abort(new Error("no longer needed")));
          return call(`${service.url}/hang`, { signal: controller.signal });
        },
        () =>
          parts("/hang", { status_code: null }, { outcome: "aborted", error_message: "no longer needed" }),
      ],
      "no answer in time": [
        () => call(`${service.url}/hang`, { signal: AbortSignal.timeout(300) }),
        () =>
          parts(
            "/hang",
            { status_code: null },
            { outcome: "failure", error_message: "The operation was aborted due to timeout" },
          ),
      ],
      "a connection that is reset": [
        () => call(`${service.url}/reset`),
        () =>
          parts(
            "/reset",
            { status_code: null },
            { outcome: "failure", error_message: heard().records[0]!["error_message"] },
          ),
      ],
      "an answer that breaks off": [
        () => call(`${service.url}/slowly/4?break`).then((answer) => answer.text()),
        () =>
          parts(
            "/slowly/4",
            { body: told({ $clipped: "binary", length: 2000 }) },
            {
              request: { query_params: { break: "" } },
              outcome: "failure",
              error_message: heard().records[0]!["error_message"],
            },
          ),
      ],
    };
    for (const [ending, [ask, expected]] of Object.entries(ENDINGS)) {
      it(`that ends with ${ending} is one record`, async () => {
        const { records, settled } = listenOutbound();
        await assert.rejects(ask());
        await settled(1);
        assert.equal(records.length, 1);
        const parted = expected();
        const where = { service_name: new URL(parted.request_repr.endpoint).host };
        assertCall(records[0]!, parted, where);
      });
    }

    it("that its caller leaves half read is aborted", async () => {
      const { records, settled } = listenOutbound();
      const answer = await call(`${service.url}/slowly/200`);
      const reader = answer.body!.getReader();
      await reader.read();
      await reader.cancel();
      await settled(1);
      assert.equal(records[0]!["outcome"], "aborted");
      assert.equal(records[0]!["response_repr"].status_code, 200);
    });

    it("with streams both ways is handed through, and its bytes are counted", async () => {
      const { records, settled } = listenOutbound();
      const bytes = bytesOf(200_000);
      const answer = await call(`${service.url}/end`, {
        method: "POST",
        body: Readable.toWeb(
          Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]),
        ) as ReadableStream,
        duplex: "half",
        headers: { "content-type": "application/octet-stream" },
      } as RequestInit);
      await answer.json();
      assert.ok(service.arrived[0]!.body.equals(bytes));
      const download = await call(`${service.url}/bytes/200000`);
      assert.ok(Buffer.from(await download.arrayBuffer()).equals(bytes));
      await settled(2);
      const clipped = told({ $clipped: "binary", length: 200_000 });
      assertCall(
        records[0]!,
        parts(
          "/end",
          { body: told({ path: "/end", bytes: 200_000 }) },
          { request: { method: "POST", body: clipped } },
        ),
        common,
      );
      assertCall(records[1]!, parts("/bytes/200000", { body: clipped }), common);
    });

    it("of a form has its fields and its files, and a packed answer can be read", async () => {
      const { records, settled } = listenOutbound();
      const form = new Form();
      form.set("name", "Ana");
      form.set("pin", "1234");
      form.set("scan", new Blob([bytesOf(300)], { type: "image/png" }), "scan.png");
      await call(`${service.url}/gzip`, { method: "POST", body: form }).then((answer) => answer.json());
      await settled(1);
      if (!bodies) {
        assert.deepEqual([records[0]!["request_repr"].body, records[0]!["response_repr"].body], [null, null]);
        return;
      }
      const { scan, ...fields } = records[0]!["request_repr"].body;
      assert.deepEqual(fields, { name: "Ana", pin: "[REDACTED]" });
      assert.deepEqual([scan.filename, scan.bytes], ["scan.png", 300]);
      assert.deepEqual(records[0]!["response_repr"].body, { packed: "gzip" });
    });

    it("that is redirected is one record for each request on the wire", async () => {
      const { records, settled } = listenOutbound();
      assert.equal((await call(`${service.url}/redirect/1`)).status, 200);
      await settled(3);
      assert.deepEqual(
        records.map(({ request_repr, response_repr }) => [
          request_repr.endpoint.replace(service.url, ""),
          response_repr.status_code,
        ]),
        [
          ["/redirect/1", 302],
          ["/redirect/0", 302],
          ["/end", 200],
        ],
      );
    });

    it("by many at once has its own caller each, on connections that are used again", async () => {
      const { records, settled } = listenOutbound();
      await Promise.all(
        Array.from({ length: 60 }, (_, index) =>
          runAs({ actor: { id: index }, requestId: `request-${index}` }, async () => {
            await new Promise((resolve) => setTimeout(resolve, index % 7));
            await call(`${service.url}/redirect/0?caller=${index}`).then((answer) => answer.text());
            await call(`${service.url}/end?caller=${index}`).then((answer) => answer.text());
          }),
        ),
      );
      await settled(180);
      assert.equal(records.length, 180);
      for (const { user, request_id, request_repr } of records) {
        assert.equal(request_id, `request-${user.id}`);
        const { caller } = request_repr.query_params;
        if (caller !== undefined) assert.equal(caller, String(user.id));
      }
      assert.equal(new Set(records.map(({ user }) => user.id)).size, 60);
      assert.ok(new Set(service.arrived.map(({ socket }) => socket)).size < 180);
    });

    it("sends the trace that came in on only where that was asked for, and never over the application's own", async () => {
      const trace = { traceparent: TRACE, tracestate: "a=1", baggage: "k=v" };
      const ask = (path: string, headers = {}) =>
        runAs(trace, () => call(service.url + path, { headers }).then((answer) => answer.text()));
      const heads = () =>
        service.arrived.map(({ headers }) => [headers.traceparent, headers.tracestate, headers.baggage]);
      listenOutbound();
      await ask("/end");
      heard().stop();
      listenOutbound({ propagate: ["elsewhere.example"] });
      await ask("/end");
      heard().stop();
      assert.deepEqual(
        heads(),
        [[], []].map(() => [undefined, undefined, undefined]),
      );
      service.arrived.length = 0;
      const { records, settled } = listenOutbound({ propagate: "127.0.0.1" });
      await ask("/redirect/0", { "x-team": "ward" });
      await ask("/end", { Traceparent: "own" });
      await call(`${service.url}/end`).then((answer) => answer.text());
      await settled(4);
      assert.equal(service.arrived[0]!.headers["x-team"], "ward");
      const sent = heads();
      assert.deepEqual(sent[3], [undefined, undefined, undefined], "no trace came in");
      assert.equal(sent[2]![0], "own");
      for (const [index, [traceparent, tracestate, baggage]] of sent.slice(0, 3).entries()) {
        if (index < 2)
          assert.match(
            traceparent as string,
            /^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b71)[0-9a-f]{16}-01$/u,
          );
        assert.deepEqual(
          [tracestate, baggage],
          ["a=1", `audit-parent-id=${records[index]!["record_id"]},k=v`],
        );
        assert.equal(
          records[index]!["request_repr"].headers.baggage,
          baggage,
          "the record has what was sent",
        );
      }
    });

    it("under way when audit stops is unknown, and goes on", async () => {
      const { records, stop } = listenOutbound();
      const pending = call(`${service.url}/wait/60`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      stop();
      assert.deepEqual(await (await pending).json(), { waited: 60 });
      assert.deepEqual(
        records.map(({ outcome }) => outcome),
        ["unknown"],
      );
    });
  });
}
