import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { after, before, describe, it } from "node:test";
import type { Undo } from "#dist/capture/capture";
import { currentContext } from "#dist/context/context";
import { captureBeside, captureServer } from "#dist/capture/http/server";
import { rawSocket, received } from "../support/http-client.js";
import { running, serverSentEvents, STYLE_SHEET } from "../support/http-server.js";
import { answeredHeaders, collect } from "../support/requests.js";
import { behaviours } from "./behaviours.js";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

behaviours({
  name: "plain node:http",
  routes: false,
  errors: false,
  async start(capture, see) {
    const server = createServer(application(see));
    // The capture of each test is put on the server when its first request comes.
    let watching = capture();
    let undo = watching && captureServer(server, watching);
    server.prependListener("connection", () => {
      if (watching === capture()) return;
      undo?.();
      watching = capture();
      undo = watching && captureServer(server, watching);
    });
    return running(server.listen(0, "127.0.0.1"));
  },
});

function application(see: (path: string) => void): Handler {
  return (request, response) => {
    const id = request.headers["x-user"];
    if (id) (request as { user?: unknown }).user = { id };
    const path = request.url?.split("?", 1)[0] ?? "";
    const handler =
      handlers[`${request.method} ${path}`] ?? handlers[`GET ${path.replace(/\/\w+$/, "/:id")}`];
    if (handler) handler(request, response, () => see(path));
    else json(response, 404, { error: "nothing here" });
  };
}

function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(body));
}

/** In listeners of plain Node, which its parser calls outside of any context. */
function readBody(request: IncomingMessage, limit: number, done: (text: string | null) => void): void {
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk: string) => (text += text.length > limit ? "" : chunk));
  request.on("end", () => done(text.length > limit ? null : text));
}

const handlers: Record<
  string,
  (request: IncomingMessage, response: ServerResponse, see: () => void) => void
> = {
  "GET /patients/:id": (request, response, see) => {
    see();
    setTimeout(() => json(response, 200, { id: Number(request.url?.split("/")[2]) }), 1);
  },
  "POST /patients": (request, response, see) => {
    readBody(request, 100_000, (text) => {
      if (text === null) return json(response, 413, { error: "too large" });
      try {
        const created = JSON.parse(text) as unknown;
        see();
        json(response, 201, { created });
      } catch {
        json(response, 400, { error: "malformed" });
      }
    });
  },
  "GET /unauthorized": (_request, response) => json(response, 401, {}),
  "GET /forbidden": (_request, response) => json(response, 403, {}),
  "GET /broken": (_request, response) => json(response, 500, {}),
  "GET /rejected": (_request, response) => json(response, 500, {}),
  "GET /moved": (_request, response) => void response.writeHead(302, { Location: "/patients/7" }).end(),
  "GET /empty": (_request, response) => void response.writeHead(204).end("nothing"),
  "GET /app.css": (_request, response) => {
    createReadStream(STYLE_SHEET).pipe(response.setHeader("Content-Type", "text/css"));
  },
  "GET /health": (_request, response) => void response.end("ok"),
  "GET /stream": (_request, response) => {
    Readable.from(Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, 97 + (n % 26)))).pipe(response);
  },
  "GET /events": (_request, response) => {
    const events = serverSentEvents();
    response.on("close", () => events.destroy());
    events.pipe(response.writeHead(200, { "Content-Type": "text/event-stream" }));
  },
  "GET /unchanged": (_request, response) => void response.writeHead(304, { ETag: '"7"' }).end(),
  "GET /trickle": (_request, response) => void response.write("first"),
  "GET /hang": (_request, _response, see) => see(),
  "GET /twice": (_request, response) => {
    response.on("error", () => {});
    response.end("once");
    response.end("twice");
  },
  "POST /upload": (request, response) => {
    let bytes = 0;
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.on("end", () => json(response, 200, { bytes }));
  },
};

describe("upgrades on plain node:http", () => {
  const { capture, wait } = collect();
  const server = createServer();
  let undo: Undo | undefined;
  let inHandler: string | null | undefined;

  before(async () => {
    server.on("upgrade", (request: IncomingMessage, socket) => {
      inHandler = currentContext()?.recordId;
      if (request.url === "/refused") return void socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
      const key = request.headers["sec-websocket-key"] ?? "";
      const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
    });
    undo = captureServer(server, capture);
    // As the adapter of a framework does whose server is attached.
    captureBeside(server, capture);
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
  });
  after(() => {
    undo?.();
    server.closeAllConnections();
    server.close();
  });

  it("records the handshake when it is answered, not when the connection ends", async () => {
    const { port } = server.address() as AddressInfo;
    for (const path of ["/chat", "/refused"]) {
      const socket = await rawSocket(
        port,
        `GET ${path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
      );
      await received(socket, (text) => text.includes("\r\n\r\n"));
      socket.destroy();
    }
    const events = await wait(2);
    assert.deepEqual(
      events.map(({ url, status, outcome }) => [url, status, outcome]),
      [
        ["/chat", 101, "success"],
        ["/refused", 401, "denied"],
      ],
    );
    assert.equal(answeredHeaders(events[0])["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert.equal(inHandler, events[1]?.recordId);
  });
});
