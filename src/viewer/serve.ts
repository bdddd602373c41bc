/**
 * The viewer on a server of its own: for `activity-audit serve`.
 *
 * @module
 */
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { addressOf } from "./asked.js";
import type { VerifyKeys } from "./verify-thread.js";
import { createViewer } from "./viewer.js";

const COOKIE = "activity_audit";
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);

export interface ServeOptions {
  readonly directory: string;
  /** Default 127.0.0.1. At any other than a loopback address, a token is asked for. */
  readonly host?: string | undefined;
  /** 0: any that is free. */
  readonly port: number;
  /** Default: made anew at each start. */
  readonly token?: string | undefined;
  readonly verify?: VerifyKeys | undefined;
}

export interface Served {
  /** Where to look, with the token if one is needed. */
  readonly url: string;
  close(): Promise<void>;
}

/** @throws {AuditError} `AUDIT_PEER_MISSING`; what the system says when the port cannot be had */
export async function serveViewer({
  verify = {},
  directory,
  host = "127.0.0.1",
  port,
  token,
}: ServeOptions): Promise<Served> {
  const isLoopback = host === "localhost" || host === "127.0.0.1" || host === "::1";
  const secret =
    isLoopback && token === undefined ? undefined : (token ?? randomBytes(24).toString("base64url"));
  const viewer = createViewer({
    directory,
    verify,
    authorize: (request: IncomingMessage) =>
      secret === undefined ? isForLoopback(request) : holds(cookieOf(request), encodeURIComponent(secret)),
  });
  const server = createServer((request, response) => {
    if (secret === undefined || !entered(request, response, secret)) viewer(request, response);
  });
  await listening(server, port, host);
  const { port: bound } = server.address() as AddressInfo;
  const name = host.includes(":") ? `[${host}]` : host;
  return {
    url: `http://${name}:${bound}/${secret === undefined ? "" : `?token=${encodeURIComponent(secret)}`}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await viewer.close();
    },
  };
}

function listening(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
}

/* A page of another site can have its name lead here (DNS rebinding); then it stands in the Host header. */
function isForLoopback({ headers }: IncomingMessage): boolean {
  return LOOPBACK.has((headers.host ?? "").replace(/:\d+$/u, ""));
}

/* The token is in the address once, and then in a cookie: addresses are kept in histories and logs. */
function entered(request: IncomingMessage, response: ServerResponse, secret: string): boolean {
  const url = addressOf(request);
  const given = url.searchParams.get("token");
  if (given === null || !holds(given, secret)) return false;
  url.searchParams.delete("token");
  response.writeHead(303, {
    "Set-Cookie": `${cookieName(request)}=${encodeURIComponent(secret)}; HttpOnly; SameSite=Strict; Path=/`,
    "Referrer-Policy": "no-referrer",
    Location: `./${url.search}`,
  });
  response.end();
  return true;
}

function cookieOf(request: IncomingMessage): string {
  const name = `${cookieName(request)}=`;
  const pairs = (request.headers.cookie ?? "").split(/;\s*/u);
  return pairs.find((pair) => pair.startsWith(name))?.slice(name.length) ?? "";
}

/* Browsers keep one cookie of a name for all ports of a host: a second trail beside this one would take it over. */
function cookieName({ socket }: IncomingMessage): string {
  return `${COOKIE}_${socket.localPort}`;
}

function holds(given: string, secret: string): boolean {
  const [one, other] = [given, secret].map((text) => createHash("sha256").update(text).digest());
  return timingSafeEqual(one!, other!);
}
