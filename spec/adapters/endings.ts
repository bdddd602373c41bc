/**
 * How an exchange may end other than by an answer that the client waits for; alike on every framework.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { RequestOptions } from "#dist/capture/http/options";
import { fetchOnce, rawSocket, received } from "../support/http-client.js";
import type { Running } from "../support/http-server.js";
import { answeredHeaders, textOf, type Collected } from "../support/requests.js";
import { until } from "../support/until.js";

/** What the suite gives: the application that runs, and a fresh capture. */
export interface Stage {
  running(): Running;
  fresh(options?: RequestOptions): Collected;
  /** The paths that handlers saw since then. */
  seen(): readonly string[];
}

export function endings({ running, fresh, seen }: Stage): void {
  it("records a stream of events when the client ends it, with the whole time that it was open", async () => {
    const { events, wait } = fresh();
    const before = performance.now();
    const socket = await rawSocket(
      running().port,
      "GET /events HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n",
    );
    await received(socket, (text) => /data: ?1\n/.test(text));
    const first = performance.now();
    await received(socket, (text) => text.split("data:").length > 5);
    assert.equal(events.length, 0);
    const open = performance.now() - first;
    socket.destroy();
    const [event] = await wait(1);
    const whole = performance.now() - before;
    assert.deepEqual([event?.url, event?.status, event?.outcome], ["/events", 200, "aborted"]);
    assert.match(String(answeredHeaders(event)["content-type"]), /^text\/event-stream/);
    assert.match(textOf(event?.responseBody ?? null) ?? "", /data: ?1\n[^]*data: ?5\n/);
    assert.ok(event!.durationMs >= open && event!.durationMs <= whole, `${event!.durationMs} ms`);
  });

  it("records a 304 without a body", async () => {
    const { wait } = fresh();
    const answer = await fetchOnce(running().port, { path: "/unchanged" });
    const [event] = await wait(1);
    assert.deepEqual([answer.status, answer.body.length], [304, 0]);
    assert.deepEqual([event?.status, event?.outcome, event?.responseBody?.bytes], [304, "success", 0]);
    assert.equal(answeredHeaders(event)["etag"], '"7"');
  });

  it("says `failure` when the server's own timeout ends an exchange that nobody answers", async () => {
    const { wait } = fresh();
    const { server, port } = running();
    server.setTimeout(250);
    const socket = await rawSocket(port, "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    await until(() => seen().length > 0);
    server.setTimeout(0);
    assert.equal(await received(socket), "");
    const [event] = await wait(1);
    assert.deepEqual(seen(), ["/hang"]);
    assert.deepEqual([event?.url, event?.status, event?.outcome], ["/hang", null, "failure"]);
    assert.match(String((event?.error as Error | null)?.message), /timeout/);
  });

  it("says `aborted` when the client goes although the server's timeout let it wait longer", async () => {
    const { wait } = fresh();
    const { server, port } = running();
    const timedOut = new Promise((resolve) => server.setTimeout(250, resolve));
    const socket = await rawSocket(port, "GET /hang HTTP/1.1\r\nHost: a\r\n\r\n");
    await timedOut;
    server.setTimeout(0).removeAllListeners("timeout");
    socket.destroy();
    const [event] = await wait(1);
    assert.deepEqual([event?.status, event?.outcome, event?.error], [null, "aborted", null]);
  });

  it("says `failure`, and 408, when the client's body did not come within the server's `requestTimeout`", async () => {
    const { wait } = fresh();
    const { server, port } = running();
    // Behind a middleware, what Node answers itself is seen from the first request on.
    await fetchOnce(port, { path: "/empty" });
    const { requestTimeout, headersTimeout } = server;
    const asked = once(server, "request");
    const socket = await rawSocket(
      port,
      'POST /patients HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"name":',
    );
    await asked;
    Object.assign(server, { requestTimeout: 250, headersTimeout: 250 });
    const answer = await received(socket);
    Object.assign(server, { requestTimeout, headersTimeout });
    const [, event] = await wait(2);
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.deepEqual([event?.url, event?.status, event?.outcome], ["/patients", 408, "failure"]);
    assert.equal((event?.error as Error | null)?.message, "Request timeout");
    assert.equal(textOf(event?.requestBody ?? null), '{"name":');
    assert.equal(event?.requestBody?.truncated, true);
  });

  it("records an upgrade to WebSocket when it is answered", async () => {
    const { events, wait } = fresh();
    const { server, port } = running();
    // Behind a middleware, upgrades are seen from the first plain request on.
    await fetchOnce(port, { path: "/empty" });
    server.on("upgrade", accept);
    const socket = await rawSocket(
      port,
      "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    const head = await received(socket, (text) => text.includes("\r\n\r\n"));
    const [, event] = await wait(2);
    assert.equal(socket.closed, false);
    assert.match(head, /^HTTP\/1\.1 101 /);
    assert.deepEqual([event?.url, event?.status, event?.outcome], ["/chat", 101, "success"]);
    assert.equal(answeredHeaders(event)["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    socket.destroy();
    await sleep(20);
    assert.equal(events.length, 2);
    server.off("upgrade", accept);
  });
}

/** What a WebSocket server answers. */
function accept(request: IncomingMessage, socket: Duplex): void {
  const key = request.headers["sec-websocket-key"] ?? "";
  const proof = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
  // Node leaves the connection to us: without an end it would stay half open.
  socket.on("error", () => {});
  socket.on("end", () => socket.end()).resume();
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
  );
}
