/**
 * The headers of messages, as they went over the wire.
 *
 * `getHeaders()` does not know what `writeHead(status, headers)` was given (Fastify answers that way), nor what
 * Node added. The text that Node wrote does; it is not documented, so there is a fallback.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { headersFrom, headersFromHead, headerText } from "../../record/http.js";
import type { SeenHeaders } from "../event.js";

/** The head of an answer as it was sent, its first line included; `undefined` if there is no such text. */
export function sentHead(response: ServerResponse): string | undefined {
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const text = (response as unknown as { _header?: unknown })._header;
  return typeof text === "string" ? text : undefined;
}

const BEFORE_STATUS = "HTTP/1.1 ".length;

/** The status that was sent. Handlers may set another one when it is too late, and fail only then. */
export function sentStatus(response: ServerResponse): number {
  const head = sentHead(response);
  if (head !== undefined) return Number(head.slice(BEFORE_STATUS, BEFORE_STATUS + 3));
  const { stream } = response as { stream?: { readonly sentHeaders?: Readonly<Record<string, unknown>> } };
  const status = stream?.sentHeaders?.[":status"];
  return typeof status === "number" ? status : response.statusCode;
}

/** The head as an object: lower-case name → value; an array where a header was sent more than once. */
export function sentHeaders(response: ServerResponse): Record<string, unknown> {
  const head = sentHead(response);
  if (head !== undefined) return headersFromHead(head);
  const headers = { ...response.getHeaders() };
  delete headers[":status"];
  return headers;
}

/**
 * The headers of a request as they came: name, value, name, value. HTTP/2 has the method and the URL among them, which
 * the record has elsewhere, with the query's secrets hidden; its `:authority` is what `host` was.
 */
export function receivedHeaders(message: IncomingMessage): readonly string[] {
  const { rawHeaders } = message;
  if (message.httpVersionMajor < 2) return rawHeaders;
  const headers: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name === ":authority") headers.push("host", rawHeaders[at + 1]!);
    else if (!name.startsWith(":")) headers.push(name, rawHeaders[at + 1]!);
  }
  return headers;
}

const CONTENT_TYPE = /\r\ncontent-type:[ \t]*([^\r\n]*)/i;

/** What headers say of the body, without reading all of them. */
export function contentTypeOf(headers: SeenHeaders): string {
  if (typeof headers === "string") return CONTENT_TYPE.exec(headers)?.[1] ?? "";
  if (!Array.isArray(headers)) return headerText(headersFrom(headers), "content-type");
  const list = headers as readonly string[];
  for (let at = 0; at + 1 < list.length; at += 2) {
    if (list[at]!.length === 12 && list[at]!.toLowerCase() === "content-type") return list[at + 1]!;
  }
  return "";
}
