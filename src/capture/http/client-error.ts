/**
 * Records what Node answers in the application's place: a request whose time is over, or that cannot be read.
 *
 * Node tells of it by `clientError`, and answers 400, 408, 413 or 431 on the bare socket unless somebody listens. So
 * nothing listens here: the event is watched as it is emitted, and the answer as it is written, by whomever.
 *
 * @see https://nodejs.org/api/http.html#event-clienterror
 * @module
 */
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { guarded } from "../../health.js";
import { newRecordId } from "../../ids.js";
import { plainAddress } from "./client-address.js";
import { statusOf, watchFirstWrite } from "./first-write.js";
import type { RequestCapture } from "./requests.js";
import { recorderOf } from "./tee.js";

interface ClientError extends Error {
  readonly code?: string;
  /** What the parser was given when it gave up. */
  readonly rawPacket?: Buffer;
}

/** Node's names for the response under way, where it looks itself before it answers, and for the request that is read. */
type ServerSocket = Socket & {
  readonly _httpMessage?: { readonly req?: IncomingMessage } | null;
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null;
};

/** The client left in the middle: that is its doing, and not an error of what it sent. */
const LEFT = "HPE_INVALID_EOF_STATE";
const TIMED_OUT = "ERR_HTTP_REQUEST_TIMEOUT";

/** Stands before a server's `clientError`; `emit` tells whoever listens. */
export function watchClientError(
  requests: RequestCapture,
  error: ClientError,
  socket: ServerSocket,
  emit: () => boolean,
): boolean {
  guarded("capture.http", () => {
    const { code } = error;
    // All else is a connection that broke.
    if (code !== TIMED_OUT && !code?.startsWith("HPE_")) return;
    // oxlint-disable-next-line no-underscore-dangle -- Node's name
    const open = socket._httpMessage?.req;
    if (open && !open.complete) watchOpen(open, error, socket);
    // Else it may be the rest of a request that was answered without it, and has its record.
    else if (socket.parser?.incoming?.complete !== false)
      watchUnreadable(requests, error, socket, open === undefined);
  });
  return emit();
}

/** The body of a request under way does not come, or is malformed. */
function watchOpen(message: IncomingMessage, error: ClientError, socket: ServerSocket): void {
  const recorder = recorderOf(message);
  if (recorder === undefined || error.code === LEFT) return;
  recorder.refused(error, null);
  watchFirstWrite(socket, (text) => recorder.refused(error, statusOf(text)));
}

/** @param first - no request was under way: what could not be read began with what came last */
function watchUnreadable(
  requests: RequestCapture,
  error: ClientError,
  socket: ServerSocket,
  first: boolean,
): void {
  // Browsers open connections in advance, and may never use them.
  if (error.code === TIMED_OUT && socket.bytesRead === 0) return;
  const line = first && error.rawPacket?.length === socket.bytesRead ? requestLine(error.rawPacket) : null;
  const { remoteAddress, encrypted } = socket as ServerSocket & { encrypted?: boolean };
  const told = requests.unreadable(socket, (status) => ({
    kind: "request",
    context: undefined,
    at: Date.now(),
    recordId: newRecordId(),
    method: line?.method ?? "",
    url: line?.url ?? "",
    protocol: encrypted === true ? "https" : "http",
    clientIp: remoteAddress === undefined ? null : plainAddress(remoteAddress),
    requestHeaders: [],
    requestBody: null,
    status,
    responseHeaders: {},
    responseBody: null,
    outcome: error.code === LEFT ? "aborted" : "failure",
    error,
    durationMs: 0,
    route: null,
    handler: null,
    action: null,
    extra: {},
  }));
  if (told === null) return;
  watchFirstWrite(socket, (text) => told(statusOf(text)));
  socket.once("close", () => told(null));
}

/** The first line of a request, as far as it is one. */
function requestLine(packet: Buffer): { method: string; url: string } | null {
  const [, method, url] = /^([A-Z]+) (\S+) HTTP\/\d/.exec(packet.toString("latin1")) ?? [];
  return method === undefined || url === undefined ? null : { method, url };
}
