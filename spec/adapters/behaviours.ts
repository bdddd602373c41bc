/**
 * What every framework must do alike. Each brings the same small application, written as its users would; the
 * truth is what the client and the handlers saw.
 */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { currentContext } from "#dist/context/context";
import type { RequestCapture } from "#dist/capture/http/requests";
import { fetchOnce, rawSocket, received } from "../support/http-client.js";
import type { Running } from "../support/http-server.js";
import { answeredHeaders, collect, textOf } from "../support/requests.js";
import { choices } from "./choices.js";
import { endings } from "./endings.js";
import { until } from "../support/until.js";

/** What the handlers of the application saw, in the order in which they ran. */
export interface Seen {
  readonly path: string;
  readonly requestId: string | undefined;
  readonly recordId: string | null | undefined;
}

export interface Framework {
  readonly name: string;
  /** Whether the framework knows the pattern of the matched route. */
  readonly routes: boolean;
  /** Whether it shows us the error of a handler. */
  readonly errors: boolean;
  /** Starts the application, with the capture at its edge. `see` is called by each handler. */
  start(capture: () => RequestCapture | undefined, see: (path: string) => void): Promise<Running>;
}

/** A request as it stands on the wire. */
function get(path: string, ...headers: string[]): string {
  return [`GET ${path} HTTP/1.1`, "Host: a", ...headers, "", ""].join("\r\n");
}

export function behaviours(framework: Framework): void {
  describe(`requests on ${framework.name}`, { timeout: 300_000 }, () => {
    let running: Running;
    let collected = collect();
    const seen: Seen[] = [];

    before(async () => {
      running = await framework.start(
        () => collected.capture,
        (path) => {
          const context = currentContext();
          seen.push({ path, requestId: context?.requestId, recordId: context?.recordId });
        },
      );
    });
    after(() => running.close());

    /** A fresh capture, with who acts read from what the application's own authentication put there. */
    function fresh(options: Parameters<typeof collect>[0] = {}): typeof collected {
      collected.capture.stop();
      collected = collect(options, (request) => request.user ?? request.state?.user ?? null);
      seen.length = 0;
      return collected;
    }

    const stage = { running: () => running, fresh, seen: () => seen.map(({ path }) => path) };
    endings(stage);
    choices(stage);

    it("records a request and its answer as both sides saw them", async () => {
      const { wait } = fresh();
      const body = JSON.stringify({ name: "Zoë", age: 41 });
      const asked = performance.now();
      const answer = await fetchOnce(running.port, {
        method: "POST",
        path: "/patients?ward=3&ward=4",
        headers: { "content-type": "application/json", "X-Trace": "a, b", "x-user": "ana" },
        body,
      });
      const [event] = await wait(1);
      const whole = performance.now() - asked;
      assert.ok(event);
      assert.equal(answer.status, 201);
      assert.equal(event.kind, "request");
      assert.equal(event.method, "POST");
      assert.equal(event.url, "/patients?ward=3&ward=4");
      assert.equal(event.protocol, "http");
      assert.equal(event.clientIp, "127.0.0.1");
      assert.equal(event.status, 201);
      assert.equal(event.outcome, "success");
      assert.equal(event.error, null);
      assert.equal(textOf(event.requestBody), body);
      assert.equal(event.requestBody?.truncated, false);
      assert.equal(textOf(event.responseBody), answer.body.toString());
      assert.deepEqual(JSON.parse(answer.body.toString()), { created: { name: "Zoë", age: 41 } });
      for (const [name, value] of Object.entries(answer.headers)) {
        assert.deepEqual(answeredHeaders(event)[name], value, name);
      }
      assert.ok(event.requestHeaders.includes("X-Trace"));
      assert.deepEqual(event.context?.actor(), { id: "ana" });
      assert.equal(event.recordId, event.context?.recordId);
      assert.deepEqual(seen, [
        { path: "/patients", requestId: event.context?.requestId, recordId: event.recordId },
      ]);
      assert.ok(event.durationMs > 0 && event.durationMs < whole);
    });

    it("names the matched route, and none where nothing matched", { skip: !framework.routes }, async () => {
      const { wait } = fresh();
      await fetchOnce(running.port, { path: "/patients/7" });
      await fetchOnce(running.port, { path: "/nowhere" });
      const events = await wait(2);
      assert.deepEqual(
        events.map(({ route, status, outcome }) => ({ route, status, outcome })),
        [
          { route: "/patients/:id", status: 200, outcome: "success" },
          { route: null, status: 404, outcome: "failure" },
        ],
      );
    });

    it("tells refused, failed and redirected requests apart", async () => {
      const { wait } = fresh();
      const paths = ["/unauthorized", "/forbidden", "/broken", "/rejected", "/moved", "/empty"];
      const statuses: number[] = [];
      for (const path of paths) statuses.push((await fetchOnce(running.port, { path })).status);
      const events = await wait(paths.length);
      assert.deepEqual(statuses, [401, 403, 500, 500, 302, 204]);
      assert.deepEqual(
        events.map(({ url, status, outcome }) => [url, status, outcome]),
        [
          ["/unauthorized", 401, "denied"],
          ["/forbidden", 403, "denied"],
          ["/broken", 500, "failure"],
          ["/rejected", 500, "failure"],
          ["/moved", 302, "success"],
          ["/empty", 204, "success"],
        ],
      );
    });

    it("keeps the error of a handler that throws or rejects", { skip: !framework.errors }, async () => {
      const { wait } = fresh();
      await fetchOnce(running.port, { path: "/broken" });
      await fetchOnce(running.port, { path: "/rejected" });
      const events = await wait(2);
      assert.deepEqual(
        events.map(({ error }) => (error as Error | null)?.message),
        ["broken", "rejected"],
      );
    });

    it("records a malformed body and one that is too large", async () => {
      const { wait } = fresh();
      const headers = { "content-type": "application/json" };
      const malformed = await fetchOnce(running.port, {
        method: "POST",
        path: "/patients",
        headers,
        body: '{"a":',
      });
      const large = await fetchOnce(running.port, {
        method: "POST",
        path: "/patients",
        headers: { ...headers, connection: "close" },
        body: JSON.stringify({ text: "x".repeat(200_000) }),
      });
      const events = await wait(2);
      assert.deepEqual([malformed.status, large.status], [400, 413]);
      assert.deepEqual(
        events.map(({ status, outcome }) => [status, outcome]),
        [
          [400, "failure"],
          [413, "failure"],
        ],
      );
      assert.equal(textOf(events[0]?.requestBody ?? null), '{"a":');
      assert.equal(events[1]?.requestBody?.truncated, true);
    });

    it("records no body for HEAD and 204, whatever the handler wrote", async () => {
      const { wait } = fresh();
      const head = await fetchOnce(running.port, { method: "HEAD", path: "/patients/7" });
      const empty = await fetchOnce(running.port, { path: "/empty" });
      const events = await wait(2);
      assert.equal(head.body.length + empty.body.length, 0);
      assert.deepEqual(
        events.map(({ responseBody }) => responseBody?.bytes),
        [0, 0],
      );
    });

    it("keeps the beginning of a streamed answer, and counts the rest", async () => {
      const { wait } = fresh();
      const answer = await fetchOnce(running.port, { path: "/stream" });
      const [event] = await wait(1);
      assert.equal(answer.body.length, 300_000);
      assert.equal(event?.responseBody?.bytes, 300_000);
      assert.equal(event?.responseBody?.truncated, true);
      assert.deepEqual(Buffer.concat(event?.responseBody?.chunks ?? []), answer.body.subarray(0, 65_536));
    });

    it("records a multipart upload by its parts, larger than what is kept", async () => {
      const { wait } = fresh();
      const file = randomBytes(400_000);
      const boundary = "----audit";
      const body = Buffer.concat([
        Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="patient"\r\n\r\n7\r\n`),
        Buffer.from(
          `--${boundary}\r\nContent-Disposition: form-data; name="scan"; filename="knee.png"\r\nContent-Type: image/png\r\n\r\n`,
        ),
        file,
        Buffer.from(`\r\n--${boundary}--\r\n`),
      ]);
      const answer = await fetchOnce(running.port, {
        method: "POST",
        path: "/upload",
        headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
        body,
      });
      const [event] = await wait(1);
      assert.deepEqual(JSON.parse(answer.body.toString()), { bytes: body.length });
      assert.equal(event?.requestBody?.bytes, body.length);
      assert.deepEqual(event?.requestBody?.parts, [
        {
          name: "patient",
          filename: null,
          contentType: null,
          bytes: 1,
          sha256: null,
          value: "7",
          truncated: false,
        },
        {
          name: "scan",
          filename: "knee.png",
          contentType: "image/png",
          bytes: file.length,
          sha256: createHash("sha256").update(file).digest("hex"),
          value: null,
          truncated: false,
        },
      ]);
    });

    it("says `aborted` when the client goes before the answer", async () => {
      const { wait } = fresh();
      const socket = await rawSocket(running.port, get("/hang"));
      await until(() => seen.length > 0);
      socket.destroy();
      const [event] = await wait(1);
      assert.deepEqual([event?.url, event?.status, event?.outcome], ["/hang", null, "aborted"]);
    });

    it("says `aborted` when the client goes in the middle of its own body", async () => {
      const { capture, wait } = fresh();
      const socket = await rawSocket(
        running.port,
        'POST /patients HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"name":',
      );
      // What stands behind the head in one packet has been read with it.
      await until(() => capture.open > 0);
      socket.destroy();
      const [event] = await wait(1);
      assert.equal(event?.outcome, "aborted");
      assert.equal(textOf(event?.requestBody ?? null), '{"name":');
      assert.equal(event?.requestBody?.truncated, true);
    });

    it("says `aborted` when the client goes in the middle of the answer", async () => {
      const { wait } = fresh();
      const socket = await rawSocket(running.port, get("/trickle"));
      await received(socket, (text) => text.includes("first"));
      socket.destroy();
      const [event] = await wait(1);
      assert.deepEqual([event?.status, event?.outcome], [200, "aborted"]);
      assert.match(textOf(event?.responseBody ?? null) ?? "", /^first/);
    });

    it("records pipelined requests one by one, each with its own answer", async () => {
      const { wait } = fresh();
      const socket = await rawSocket(
        running.port,
        [1, 2, 3].map((id) => get(`/patients/${id}`, `X-Request-Id: pipe-${id}`)).join(""),
      );
      await received(socket, (text) => text.split("HTTP/1.1 200").length > 3);
      socket.destroy();
      const events = await wait(3);
      assert.deepEqual(
        events.map(({ url, outcome, responseBody, context }) => [
          url,
          outcome,
          (JSON.parse(textOf(responseBody) ?? "{}") as { id: unknown }).id,
          context?.requestId,
        ]),
        [1, 2, 3].map((id) => [`/patients/${id}`, "success", id, `pipe-${id}`]),
      );
    });

    it("records pipelined requests that were waiting when the client went", async () => {
      const { wait } = fresh();
      // One of them was read to its end.
      const post =
        'POST /patients HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n{"name":"b"}';
      const socket = await rawSocket(
        running.port,
        get("/hang") + get("/patients/2") + post + get("/patients/3"),
      );
      await until(() => seen.length >= 4);
      socket.destroy();
      const events = await wait(4);
      assert.deepEqual(events.map(({ url, outcome }) => `${url} ${outcome}`).toSorted(), [
        "/hang aborted",
        "/patients aborted",
        "/patients/2 aborted",
        "/patients/3 aborted",
      ]);
    });

    it("records one answer of a handler that answers twice", async () => {
      const { wait } = fresh();
      const answer = await fetchOnce(running.port, { path: "/twice" });
      const [event] = await wait(1);
      assert.equal(answer.status, 200);
      assert.equal(textOf(event?.responseBody ?? null), answer.body.toString());
    });

    it("lets `Expect: 100-continue` pass as it is", async () => {
      const { wait } = fresh();
      const socket = await rawSocket(
        running.port,
        "POST /patients HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
      );
      await received(socket, (text) => text.includes("100 Continue"));
      socket.write('{"name":"b"}');
      const text = await received(socket);
      const [event] = await wait(1);
      assert.match(text, /HTTP\/1\.1 201/);
      assert.deepEqual([event?.status, textOf(event?.requestBody ?? null)], [201, '{"name":"b"}']);
    });

    it("makes no record of what is excluded, and still gives it its context", async () => {
      const { wait } = fresh({ exclude: ["/patients/*", /^\/mov/], skip: ["health"] });
      await fetchOnce(running.port, { path: "/patients/7", headers: { "x-request-id": "outer-1" } });
      await fetchOnce(running.port, { path: "/moved" });
      await fetchOnce(running.port, { path: "/health" });
      await fetchOnce(running.port, { path: "/empty" });
      const [event] = await wait(1);
      assert.equal(event?.url, "/empty");
      assert.deepEqual(seen[0], { path: "/patients/7", requestId: "outer-1", recordId: null });
    });

    it("leaves bodies and headers out where a route's options say so", async () => {
      const { wait } = fresh({ routes: [{ path: "/patients", bodies: "response", headers: false }] });
      await fetchOnce(running.port, {
        method: "POST",
        path: "/patients",
        headers: { "content-type": "application/json" },
        body: '{"name":"c"}',
      });
      const [event] = await wait(1);
      assert.deepEqual(event?.requestHeaders, ["content-type", "application/json"]);
      assert.deepEqual(Object.keys(answeredHeaders(event)), ["content-type"]);
      assert.equal(event?.requestBody, null);
      assert.deepEqual(JSON.parse(textOf(event?.responseBody ?? null) ?? ""), { created: { name: "c" } });
    });

    it("continues the trace that came in, and names the record that caused the call", async () => {
      const { wait } = fresh();
      const parent = "01890a5d-ac96-774b-bcce-b302099a8057";
      await fetchOnce(running.port, {
        path: "/patients/7",
        headers: {
          traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
          baggage: `tenant=a, audit-parent-id=${parent}`,
        },
      });
      const [event] = await wait(1);
      assert.equal(event?.context?.traceId, "4bf92f3577b34da6a3ce929d0e0e4736");
      assert.match(event?.context?.spanId ?? "", /^[0-9a-f]{16}$/);
      assert.notEqual(event?.context?.spanId, "00f067aa0ba902b7");
      assert.equal(event?.context?.parentId, parent);
    });

    it("gives each of many concurrent requests its own person, and nobody else's", async () => {
      const { wait } = fresh();
      const count = 300;
      await Promise.all(
        Array.from({ length: count }, (_, n) =>
          fetchOnce(running.port, {
            path: `/patients/${n}`,
            headers: { "x-request-id": `r${n}`, ...(n % 3 !== 0 && { "x-user": `user-${n % 7}` }) },
          }),
        ),
      );
      const events = await wait(count);
      for (const event of events) {
        const n = Number(event.url.split("/")[2]);
        assert.equal(event.context?.requestId, `r${n}`);
        assert.deepEqual(event.context?.actor(), n % 3 === 0 ? null : { id: `user-${n % 7}` });
        assert.deepEqual(
          seen.filter(({ requestId }) => requestId === `r${n}`),
          [{ path: `/patients/${n}`, requestId: `r${n}`, recordId: event.recordId }],
        );
      }
    });

    it("tells a request that is under way when the capture stops, with an unknown end", async () => {
      const { capture, wait } = fresh();
      const socket = await rawSocket(running.port, get("/hang"));
      await until(() => seen.length > 0);
      capture.stop();
      const [event] = await wait(1);
      assert.deepEqual([event?.url, event?.outcome], ["/hang", "unknown"]);
      socket.destroy();
      assert.equal((await fetchOnce(running.port, { path: "/patients/7" })).status, 200);
      await wait(1);
    });
  });
}
