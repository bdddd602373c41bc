/**
 * Records requests to change the protocol (WebSocket), which Node hands over with a bare socket and no response.
 *
 * The record is made when the first bytes of the answer have been seen, not when the connection ends: a WebSocket may
 * stay open for days.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { headersFromHead } from "../../record/http.js";
import { statusOf, watchFirstWrite } from "./first-write.js";
import type { RequestCapture } from "./requests.js";
import { recorderOf } from "./tee.js";

/** As much of a response as a recorder reads. */
class UpgradeAnswer {
  statusCode = 0;
  headersSent = false;
  readonly errored = null;
  readonly writableEnded = false;
  #headers: Record<string, unknown> = {};

  /** True once the status line was read. */
  read(text: string): boolean {
    const status = statusOf(text);
    if (status === null) return false;
    this.statusCode = status;
    this.headersSent = true;
    this.#headers = headersFromHead(text);
    return true;
  }

  getHeaders(): Record<string, unknown> {
    return this.#headers;
  }
}

export function watchUpgrade(
  requests: RequestCapture,
  message: IncomingMessage,
  socket: Duplex,
  emit: () => boolean,
): boolean {
  // Seen already: the server is attached, and a framework's adapter watches it too.
  if (recorderOf(message)) return emit();
  const answer = new UpgradeAnswer();
  const recorder = requests.begin(message, answer as unknown as ServerResponse);
  if (recorder === null) return emit();
  watchFirstWrite(socket, (text) => {
    if (answer.read(text)) recorder.sent();
    recorder.closed();
  });
  socket.once("close", () => recorder.closed());
  return requests.run(recorder, emit);
}
