/**
 * The other companies' HTTP servers, on loopback: real sockets, real endings.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Partner {
  readonly url: string;
  /** Every request that arrived, as it arrived. */
  readonly seen: readonly Seen[];
  close(): Promise<void>;
}

/** Knows members by their number; `M-500` makes it fail. */
export const insurer = () =>
  listen((request, response) => {
    const member = new URL(request.url, "http://insurer").searchParams.get("member");
    if (member === "M-500") answer(response, 500, { error: "the insurer has a bad day" });
    else answer(response, 200, { member, eligible: true, client_secret: "demo-answer-secret" });
  });

/** Answers for every drug but `unobtainium`, for which it never answers. */
export const pharmacy = () =>
  listen((request, response) => {
    if (request.url.endsWith("unobtainium")) return;
    answer(response, 200, { inStock: 12 });
  });

/** An address where nobody listens. */
export async function nobody(): Promise<string> {
  const partner = await listen(() => undefined);
  await partner.close();
  return partner.url;
}

async function listen(handle: (request: Seen, response: ServerResponse) => void): Promise<Partner> {
  const seen: Seen[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { method = "", url = "", headers } = request;
      const arrived = { method, url, headers, body: Buffer.concat(chunks).toString() };
      seen.push(arrived);
      handle(arrived, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, seen, close: () => close(server) };
}

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
