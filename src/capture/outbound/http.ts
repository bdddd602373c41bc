/**
 * Calls by `http.request` and `https.request`, and by what is built on them.
 *
 * Node tells of a request when it has been written (newer Nodes also when it is made), of its answer when that begins,
 * and of its error. Bodies are not told.
 *
 * @module
 */
import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import type { Undo } from "../capture.js";
import { sentHead, sentHeaders } from "../http/headers.js";
import { listen } from "./channels.js";
import type { LiveCalls } from "./live-calls.js";
import type { Begin, OutboundCall } from "./outbound-call.js";

type Request = ClientRequest & { readonly res?: IncomingMessage };

export function subscribeHttp(begin: Begin, live: LiveCalls<OutboundCall>): Undo {
  const made = (request: Request): void => {
    if (live.knows(request)) return;
    live.note(request);
    const call = beginning(request, begin);
    if (!call) return;
    live.add(request, call);
    // An answer may begin before the request has been written.
    if (request.res) answering(request, request.res, call);
    // A request that has been upgraded, or was given up without an error, has no other end. A listener of `close`
    // changes nothing; one of `error` would take it from the application.
    request.once("close", () => closed(request, call));
  };
  return listen({
    "http.client.request.created": ({ request }) => {
      made(request);
      const call = live.of(request);
      if (call) sendOn(request, call);
    },
    "http.client.request.start": ({ request }) => made(request),
    "http.client.request.error": ({ request, error }) => {
      // One that failed before it was written.
      made(request);
      const call = live.of(request);
      if (!call) return;
      describe(call, request);
      call.failed(error, error?.name === "AbortError" ? "aborted" : "failure");
    },
    "http.client.response.finish": ({ request, response }) => {
      const call = live.of(request);
      if (call) answering(request, response, call);
    },
  });
}

/** Only what is not there yet. Given as a list, headers are sent as they are, and none can be added. */
function sendOn(request: Request, call: OutboundCall): void {
  if (request.headersSent) return;
  for (const [name, value] of call.traceHeaders()) {
    if (!request.hasHeader(name)) request.setHeader(name, value);
  }
}

function answering(request: Request, response: IncomingMessage, call: OutboundCall): void {
  describe(call, request);
  call.status = response.statusCode ?? null;
  call.responseHeaders = response.rawHeaders.slice();
  response.once("close", () => ended(request, response, call));
}

function ended(request: Request, response: IncomingMessage, call: OutboundCall): void {
  if (response.complete) call.answered(true);
  else if (request.aborted || response.errored === null) call.failed(null, "aborted");
  else call.failed(response.errored, response.errored.name === "AbortError" ? "aborted" : "failure");
}

function closed(request: Request, call: OutboundCall): void {
  // The answer has begun: it ends by itself.
  if (call.status !== null) return;
  describe(call, request);
  if (!request.res) return call.failed(null, "aborted");
  call.status = request.res.statusCode ?? null;
  call.responseHeaders = request.res.rawHeaders.slice();
  call.answered(true);
}

function describe(call: OutboundCall, request: Request): void {
  call.method = request.method;
  const message = request as unknown as ServerResponse;
  call.requestHeaders = sentHead(message) ?? sentHeaders(message);
}

function beginning(request: Request, begin: Begin): OutboundCall | undefined {
  const { method, path } = request;
  // Its path is a host, behind which the proxy's name would make another.
  if (method === "CONNECT") return undefined;
  // As a proxy is asked.
  const [, origin, rest] =
    (!path.startsWith("/") && /^([a-z][a-z0-9+.-]*:\/\/[^/]*)(.*)$/isu.exec(path)) || [];
  if (origin !== undefined) return begin(request, origin, rest!);
  // `OPTIONS *`, or a path that forgot its slash, would be a part of the host.
  const target = /^[/?]/u.test(path) ? path : `/${path}`;
  return begin(request, `${request.protocol}//${hostOf(request)}`, target);
}

/** Headers that are given as a list stand nowhere but in the text that is sent. */
function hostOf(request: Request): string {
  const given = request.getHeader("host");
  if (given !== undefined) return String(given);
  const head = sentHead(request as unknown as ServerResponse) ?? "";
  return /\r\nhost:[ \t]*([^\r\n]+)/iu.exec(head)?.[1] ?? request.host;
}
