/**
 * Records the requests of a plain `node:http`, `node:https` or `node:http2` server: the base of all frameworks.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { callInContext } from "../../context/context.js";
import type { Undo } from "../capture.js";
import type { RequestCapture } from "./requests.js";
import { watchUpgrade } from "./upgrade.js";

/** A server, as far as it is needed here. */
export type Emitter = Pick<Server, "emit">;

/**
 * Records every request that the server shows its listeners, upgrades included.
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
    const call = (): boolean => apply(emit, self, args);
    return isUpgrade(type) ? watchUpgrade(requests, message, answer as Duplex, call) : call();
  });
}

/** Records the upgrades of a server whose plain requests are seen by a framework's middleware; once a capture. */
export function captureUpgrades(server: Emitter, requests: RequestCapture): void {
  requests.once(server, () =>
    covering(server, (emit, self, args) => {
      const [type, message, socket] = args as [string, IncomingMessage, Duplex];
      const call = (): boolean => apply(emit, self, args);
      return isUpgrade(type) ? watchUpgrade(requests, message, socket, call) : call();
    }),
  );
}

function isUpgrade(type: string): boolean {
  return type === "upgrade" || type === "connect";
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
