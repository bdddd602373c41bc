/**
 * Calls by `fetch` and undici: Node's own `fetch` is undici, and publishes on the same channels as the package.
 *
 * Each request on the wire is one, so a redirect that `fetch` follows is another. Bodies are seen as they pass, still
 * compressed. Not told: `CONNECT` and upgrades, which have no answer in this sense.
 *
 * @module
 */
import type { Outcome } from "../../record/types.js";
import type { Undo } from "../capture.js";
import type { SeenHeaders } from "../event.js";
import { headersFrom } from "../../record/http.js";
import { listen, type Message } from "./channels.js";
import type { LiveCalls } from "./live-calls.js";
import type { Begin, OutboundCall } from "./outbound-call.js";

export function subscribeUndici(begin: Begin, live: LiveCalls<OutboundCall>): Undo {
  return listen({
    "undici:request:create": ({ request }) => {
      if (request.method === "CONNECT" || request.upgrade) return;
      const call = begin(request, originOf(request), String(request.path));
      if (!call) return;
      live.note(request);
      live.add(request, call);
      call.method = String(request.method);
      sendOn(request, call);
      call.requestHeaders = headersOf(request.headers);
    },
    // The body is not asked for before its request is written, when its headers are whole.
    "undici:client:sendHeaders": ({ request, headers }) => {
      const call = live.of(request);
      if (call) call.requestHeaders = typeof headers === "string" ? headers : headersOf(request.headers);
    },
    "undici:request:headers": ({ request, response }) => {
      const call = live.of(request);
      if (!call) return;
      call.status = response.statusCode;
      call.responseHeaders = headersOf(response.headers);
    },
    "undici:request:trailers": ({ request }) => live.of(request)?.answered(true),
    "undici:request:error": ({ request, error }) => live.of(request)?.failed(error, outcomeOf(error)),
    "undici:request:bodyChunkSent": ({ request, chunk }) => live.of(request)?.sent(chunk),
    "undici:request:bodyChunkReceived": ({ request, chunk }) => live.of(request)?.received(chunk),
  });
}

/** Only what is not there yet. */
function sendOn(request: Message, call: OutboundCall): void {
  const trace = call.traceHeaders();
  if (trace.length === 0 || typeof request.addHeader !== "function") return;
  const there = headersFrom(headersOf(request.headers));
  for (const [name, value] of trace) if (!(name in there)) request.addHeader(name, value);
}

function originOf({ origin }: Message): string {
  return origin instanceof URL ? origin.origin : String(origin);
}

/** Name, value, name, value … of texts, lists or bytes; in old versions, the text that goes over the wire. */
function headersOf(headers: unknown): SeenHeaders {
  if (typeof headers === "string") return `\r\n${headers}`;
  const all: string[] = [];
  if (!Array.isArray(headers)) return all;
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = textOf(headers[at]);
    const value = headers[at + 1] as unknown;
    if (!Array.isArray(value)) all.push(name, textOf(value));
    else for (const item of value) all.push(name, textOf(item));
  }
  return all;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Buffer.isBuffer(value)) return value.toString("latin1");
  if (!(value instanceof Uint8Array)) return String(value);
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("latin1");
}

/**
 * An error that has no code of undici's or of the system's is the reason that the application gave when it aborted, or
 * what its own body threw. A timeout that it set itself is still one: nobody answered in time.
 */
function outcomeOf(error: unknown): Outcome {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  if (name === "TimeoutError") return "failure";
  return name === "AbortError" || typeof code !== "string" ? "aborted" : "failure";
}
