/**
 * Answers as handlers may write them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, get, ServerResponse, type RequestListener } from "node:http";
import { connect, constants, createServer as createHttp2Server } from "node:http2";
import type { AddressInfo } from "node:net";
import { pipeline } from "node:stream";
import { describe, it } from "node:test";
import { captureServer } from "#dist/capture/http/server";
import type { RequestEvent } from "#dist/capture/event";
import { fetchOnce, rawSocket, received, type Answer } from "../../support/http-client.js";
import { running } from "../../support/http-server.js";
import { collect, textOf } from "../../support/requests.js";
import { until } from "../../support/until.js";

/** One request to a server that answers by `handler`: what the client got, and what was captured. */
async function answered(
  handler: RequestListener,
  request: Parameters<typeof fetchOnce>[1] = {},
): Promise<{ answer: Answer; event: RequestEvent }> {
  const { capture, wait } = collect();
  const server = createServer(handler);
  const undo = captureServer(server, capture);
  const { port, close } = await running(server.listen(0, "127.0.0.1"));
  try {
    const answer = await fetchOnce(port, request);
    const [event] = await wait(1);
    return { answer, event: event! };
  } finally {
    await close();
    undo();
    capture.stop();
  }
}

/** As a handler in JavaScript may call it. */
function endWith(response: ServerResponse, body: unknown): void {
  response.end(body);
}

describe("the body of an answer", () => {
  it("is what was sent after `end` threw for a value that is no body", async () => {
    const { answer, event } = await answered((_request, response) => {
      try {
        endWith(response, { id: 7 });
      } catch {
        response.writeHead(500).end("broken");
      }
    });
    assert.equal(answer.body.toString(), "broken");
    assert.deepEqual([event.status, textOf(event.responseBody)], [500, "broken"]);
  });

  it("keeps no more of a long text than the limit, and counts it whole", async () => {
    const text = "\u{1f600}é".repeat(200_000);
    const { answer, event } = await answered((_request, response) => void response.end(text));
    const { chunks, bytes, truncated } = event.responseBody!;
    const held = [...new Set(chunks.map(({ buffer }) => buffer))];
    assert.deepEqual([answer.body.toString(), bytes, truncated], [text, answer.body.length, true]);
    assert.deepEqual(Buffer.concat(chunks), answer.body.subarray(0, 65_536));
    assert.ok(held.reduce((sum, { byteLength }) => sum + byteLength, 0) <= 4 * 65_536);
  });

  it("is kept whole where its text is longer than its bytes", async () => {
    const text = Buffer.alloc(40_000, "ab").toString("hex");
    const { answer, event } = await answered((_request, response) => void response.end(text, "hex"));
    assert.deepEqual(Buffer.concat(event.responseBody!.chunks), answer.body);
    assert.equal(event.responseBody!.truncated, false);
  });
});

describe("the body of a request", () => {
  it("is whole where it came at once, though it was refused at once and nobody read it", async () => {
    const { event } = await answered((_request, response) => void response.writeHead(401).end(), {
      method: "POST",
      body: '{"name":"Zoë"}',
    });
    assert.deepEqual(
      [event.status, textOf(event.requestBody), event.requestBody?.truncated],
      [401, '{"name":"Zoë"}', false],
    );
  });
});

describe("the status of an answer", () => {
  it("is the one that was sent, and not one that was set too late", async () => {
    const { answer, event } = await answered((_request, response) => {
      response.end("fine");
      response.statusCode = 500;
    });
    assert.deepEqual([answer.status, event.status, event.outcome], [200, 200, "success"]);
  });

  it("is so of HTTP/2 too, whose bodies are whole only when they have ended", async () => {
    const { capture, wait } = collect();
    let seen = 0;
    const server = createHttp2Server((request, response) => {
      request.on("data", ({ length }: Buffer) => (seen += length));
      if (request.method === "POST") return;
      response.end("fine");
      response.statusCode = 500;
    });
    const undo = captureServer(server, capture);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await once(client.request({ ":path": "/" }).resume(), "close");
    const left = client.request({ ":path": "/", ":method": "POST" }).on("error", () => {});
    left.write('{"name":');
    await until(() => seen === 8);
    left.close(constants.NGHTTP2_CANCEL);
    const events = await wait(2);
    client.destroy();
    server.close();
    undo();
    capture.stop();
    assert.deepEqual(
      events.map(({ status, outcome, requestBody }) => [
        status,
        outcome,
        textOf(requestBody),
        requestBody?.truncated,
      ]),
      [
        [200, "success", "", false],
        [null, "aborted", '{"name":', true],
      ],
    );
  });
});

describe("an answer that breaks off", () => {
  it("has failed where it hands on another server's, which breaks off", async () => {
    const upstream = await running(
      createServer((_request, response) => {
        response.write("first", () => response.destroy());
      }).listen(0, "127.0.0.1"),
    );
    const { capture, wait } = collect();
    const server = createServer((_request, response) => {
      get({ host: "127.0.0.1", port: upstream.port }, (first) => pipeline(first, response, () => {}));
    });
    const undo = captureServer(server, capture);
    const { port, close } = await running(server.listen(0, "127.0.0.1"));
    const text = await received(await rawSocket(port, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    const [event] = await wait(1);
    await close();
    await upstream.close();
    undo();
    capture.stop();
    assert.match(text, /first/);
    assert.deepEqual(
      [event?.status, event?.outcome, (event?.error as Error | null)?.message],
      [200, "failure", "aborted"],
    );
  });
});

describe("an answer after a second start", () => {
  it("is seen once, though somebody else's method still calls ours of the first", async () => {
    const { write } = ServerResponse.prototype;
    const { capture: first } = collect();
    const ours = ServerResponse.prototype.write;
    ServerResponse.prototype.write = function (this: ServerResponse, ...args: unknown[]) {
      return Reflect.apply(ours, this, args as never);
    };
    first.stop();
    const { event } = await answered((_request, response) => {
      response.write("once");
      response.end();
    });
    ServerResponse.prototype.write = write;
    assert.equal(textOf(event.responseBody), "once");
  });
});
