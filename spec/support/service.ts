/**
 * A service that is called over a real socket, in every way that a call can end; it keeps what arrived.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTcpServer, type AddressInfo } from "node:net";
import { brotliCompressSync, gzipSync } from "node:zlib";

export interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The connection, by number. */
  readonly socket: number;
}

export interface Service {
  readonly url: string;
  readonly arrived: Arrived[];
  /** An address where nobody listens. */
  readonly refused: string;
  /** How often `/flaky` fails from now on. */
  failures: number;
  close(): Promise<void>;
}

/** What `/bytes/N` sends: the same for the same N. */
export function bytesOf(length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) % 256));
}

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export async function startService(): Promise<Service> {
  const arrived: Arrived[] = [];
  const sockets = new Map<object, number>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      const { method = "", url = "", headers, socket } = request;
      if (!sockets.has(socket)) sockets.set(socket, sockets.size);
      const body = Buffer.concat(chunks);
      arrived.push({ method, url, headers, body, socket: sockets.get(socket)! });
      answer(service, request, response, body);
    });
  });
  const service = {
    arrived,
    failures: 0,
    url: await listen(server),
    refused: await closedAddress(),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return service;
}

async function listen(server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function closedAddress(): Promise<string> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return `http://127.0.0.1:${port}`;
}

function answer(service: Service, request: IncomingMessage, response: ServerResponse, body: Buffer): void {
  const { pathname, searchParams } = new URL(request.url ?? "/", service.url);
  const [, first = "", second = ""] = pathname.split("/");
  const json = (status: number, value: unknown): void => {
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
  };
  switch (first) {
    case "hang":
      return;
    case "status":
      return json(Number(second), { status: Number(second) });
    case "flaky":
      if (service.failures <= 0) return json(200, { ok: true });
      service.failures -= 1;
      return json(503, { ok: false });
    case "wait":
      setTimeout(() => json(200, { waited: Number(second) }), Number(second));
      return;
    case "redirect":
      if (Number(second) > 0)
        response.writeHead(302, { location: `/redirect/${Number(second) - 1}?token=t` });
      else response.writeHead(302, { location: "/end?token=t" });
      response.end();
      return;
    case "bytes":
      response.writeHead(200, { "content-type": "application/octet-stream" });
      response.end(bytesOf(Number(second)));
      return;
    case "slowly":
      void slowly(response, Number(second), searchParams.get("break") !== null);
      return;
    case "stall":
      response.writeHead(200, { "content-type": "text/plain" }).write("it begins");
      return;
    case "reset":
      request.socket.resetAndDestroy();
      return;
    case "gzip":
    case "br": {
      const pack = first === "gzip" ? gzipSync : brotliCompressSync;
      response.writeHead(200, { "content-type": "application/json", "content-encoding": first });
      response.end(pack(JSON.stringify({ packed: first })));
      return;
    }
    case "empty":
      response.writeHead(204).end();
      return;
    default:
      return json(200, { path: pathname, bytes: body.byteLength });
  }
}

/** Parts of 1000 bytes, one after the other; broken off in the middle on demand. */
async function slowly(response: ServerResponse, parts: number, breaks: boolean): Promise<void> {
  response.writeHead(200, { "content-type": "application/octet-stream" });
  for (let part = 0; part < parts; part += 1) {
    if (breaks && part === Math.ceil(parts / 2)) {
      response.socket?.destroy();
      return;
    }
    response.write(bytesOf(1000));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  response.end();
}
