/**
 * Sees the first bytes that are written to a bare socket, where there is no response to watch.
 *
 * @module
 */
import type { Duplex } from "node:stream";
import { guarded } from "../../health.js";

/** Calls `see` with the text of the first write, whichever of the two ways it takes, and steps aside. */
export function watchFirstWrite(socket: Duplex, see: (text: string) => void): void {
  const undos: (() => void)[] = [];
  const first = (chunk: unknown): void => {
    for (const undo of undos.splice(0)) undo();
    see(chunk instanceof Uint8Array ? Buffer.from(chunk).toString("latin1") : String(chunk));
  };
  undos.push(watchMethod(socket, "write", first), watchMethod(socket, "end", first));
}

/** The status on the first line of an answer; `null` if it is none. */
export function statusOf(text: string): number | null {
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  return status === undefined ? null : Number(status);
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
