/**
 * The headers of an answer, as they went over the wire.
 *
 * `getHeaders()` does not know what `writeHead(status, headers)` was given (Fastify answers that way), nor what
 * Node added. The text that Node wrote does; it is not documented, so there is a fallback.
 *
 * @module
 */
import type { ServerResponse } from "node:http";

type Headers = Record<string, string | string[] | number>;

/** Lower-case name → value; an array where a header was sent more than once. */
export function sentHeaders(response: ServerResponse): Headers {
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const text = (response as unknown as { _header?: unknown })._header;
  return typeof text === "string" ? parseHead(text) : ({ ...response.getHeaders() } as Headers);
}

/** Reads a head: the line at its beginning is passed over. */
export function parseHead(head: string): Headers {
  const headers: Headers = {};
  let at = head.indexOf("\r\n") + 2;
  while (at > 1) {
    const end = head.indexOf("\r\n", at);
    if (end <= at) break;
    const colon = head.indexOf(":", at);
    if (colon > at && colon < end)
      add(headers, head.slice(at, colon).toLowerCase(), head.slice(colon + 1, end).trim());
    at = end + 2;
  }
  return headers;
}

function add(headers: Headers, name: string, value: string): void {
  const before = headers[name];
  if (before === undefined) headers[name] = value;
  else headers[name] = [...(Array.isArray(before) ? before : [String(before)]), value];
}

/** The first value of `name` in raw headers; `name` in lower case. */
export function rawHeader(raw: readonly string[], name: string): string | undefined {
  for (let at = 0; at < raw.length; at += 2) {
    if (raw[at]?.toLowerCase() === name) return raw[at + 1];
  }
  return undefined;
}
