/**
 * Records the requests of a plain `node:http`, `node:https` or `node:http2` server: the base of all frameworks.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { callInContext } from "../../context/context.js";
import type { Undo } from "../capture.js";
import { watchClientError } from "./client-error.js";
import type { RequestCapture } from "./requests.js";
import { watchUpgrade } from "./upgrade.js";

/** A server, as far as it is needed here. */
export type Emitter = Pick<Server, "emit">;

/**
 * Records every request that the server shows its listeners, upgrades included, and those that Node refuses itself.
 *
 * @param server - before or after `listen`
 */
export function captureServer(server: Emitter, requests: RequestCapture): Undo {
  return covering(server, (emit, self, args) => {
    const [type, message, answer] = args as [string, IncomingMessage, ServerResponse | Duplex];
    if (type === "request" || type === "checkContinue" || type === "checkExpectation") {
      const recorder = requests.begin(message, answer as ServerResponse);
      try {
        return recorder ? callInContext(recorder.context, emit, self, args) : apply(emit, self, args);
      } catch (error) {
        recorder?.failed(error);
        throw error;
      }
    }
    return seeOther(requests, emit, self, args);
  });
}

/**
 * Records what a framework's middleware cannot see of a server whose plain requests it sees: upgrades, and what Node
 * answers in the application's place; once a capture.
 */
export function captureBeside(server: Emitter, requests: RequestCapture): void {
  requests.once(server, () => covering(server, (emit, self, args) => seeOther(requests, emit, self, args)));
}

function seeOther(requests: RequestCapture, emit: Emit, self: Emitter, args: unknown[]): boolean {
  const [type, subject, socket] = args;
  if (type === "upgrade" || type === "connect") {
    const call = (): boolean => apply(emit, self, args);
    return watchUpgrade(requests, subject as IncomingMessage, socket as Duplex, call);
  }
  if (type === "clientError") {
    return watchClientError(requests, subject as Error, socket as Socket, () => apply(emit, self, args));
  }
  return apply(emit, self, args);
}

type Emit = Server["emit"];

function apply(emit: Emit, self: Emitter, args: unknown[]): boolean {
  return Reflect.apply(emit, self, args as Parameters<Emit>);
}

/** Stands before `emit` of one server. */
function covering(server: Emitter, see: (emit: Emit, self: Emitter, args: unknown[]) => boolean): Undo {
  const before = Object.getOwnPropertyDescriptor(server, "emit");
  const emit = server.emit;
  let active = true;
  const covered = function (this: Emitter, ...args: unknown[]): boolean {
    return active ? see(emit, this, args) : apply(emit, this, args);
  };
  server.emit = covered as Server["emit"];
  return () => {
    active = false;
    // Somebody who came after us holds our function; it then only calls through.
    if (server.emit !== (covered as Server["emit"])) return;
    if (before) Object.defineProperty(server, "emit", before);
    else delete (server as Partial<Emitter>).emit;
  };
}
