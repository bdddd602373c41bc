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
import { guarded } from "../../health.js";
import { headersFromHead } from "../../record/http.js";
import type { RequestRecorder } from "./recorder.js";
import type { RequestCapture } from "./requests.js";

/** As much of a response as a recorder reads. */
class UpgradeAnswer {
  statusCode = 0;
  headersSent = false;
  readonly errored = null;
  readonly writableEnded = false;
  #headers: Record<string, unknown> = {};

  /** True once the status line was read. */
  read(text: string): boolean {
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
    if (status === undefined) return false;
    this.statusCode = Number(status);
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
  const answer = new UpgradeAnswer();
  const recorder = requests.begin(message, answer as unknown as ServerResponse);
  if (recorder === null) return emit();
  watchFirstWrite(socket, answer, recorder);
  return requests.run(recorder, emit);
}

/** Sees the first bytes that are written, by whichever of the two ways, and steps aside. */
function watchFirstWrite(socket: Duplex, answer: UpgradeAnswer, recorder: RequestRecorder): void {
  const undos: (() => void)[] = [];
  const see = (chunk: unknown): void => {
    for (const undo of undos.splice(0)) undo();
    if (answer.read(chunk instanceof Uint8Array ? Buffer.from(chunk).toString("latin1") : String(chunk))) {
      recorder.sent();
    }
    recorder.closed();
  };
  undos.push(watchMethod(socket, "write", see), watchMethod(socket, "end", see));
  socket.once("close", () => recorder.closed());
}

function watchMethod(socket: Duplex, name: "write" | "end", see: (chunk: unknown) => void): () => void {
  const own = Object.getOwnPropertyDescriptor(socket, name);
  const method: (...args: any[]) => unknown = socket[name];
  const seen = function (this: Duplex, ...args: unknown[]): unknown {
    guarded("capture.http", () => see(args[0]));
    return Reflect.apply(method, this, args);
  };
  Object.defineProperty(socket, name, { value: seen, configurable: true, writable: true });
  return () => {
    if (socket[name] !== (seen as Duplex[typeof name])) return;
    if (own) Object.defineProperty(socket, name, own);
    else delete (socket as Partial<Duplex>)[name];
  };
}
