/**
 * Records the requests of a plain `node:http`, `node:https` or `node:http2` server: the base of all frameworks.
 *
 * @module
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
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
  return covering(server, (emit, args) => {
    const [type, message, answer] = args as [string, IncomingMessage, ServerResponse | Duplex];
    if (type === "request" || type === "checkContinue" || type === "checkExpectation") {
      const recorder = requests.begin(message, answer as ServerResponse);
      return requests.run(recorder, () => {
        try {
          return emit();
        } catch (error) {
          recorder?.failed(error);
          throw error;
        }
      });
    }
    if (isUpgrade(type)) return watchUpgrade(requests, message, answer as Duplex, emit);
    return emit();
  });
}

/** Records the upgrades of a server whose plain requests are seen by a framework's middleware; once a capture. */
export function captureUpgrades(server: Emitter, requests: RequestCapture): void {
  requests.once(server, () =>
    covering(server, (emit, args) => {
      const [type, message, socket] = args as [string, IncomingMessage, Duplex];
      return isUpgrade(type) ? watchUpgrade(requests, message, socket, emit) : emit();
    }),
  );
}

function isUpgrade(type: string): boolean {
  return type === "upgrade" || type === "connect";
}

/** Stands before `emit` of one server. */
function covering(server: Emitter, see: (emit: () => boolean, args: readonly unknown[]) => boolean): Undo {
  const before = Object.getOwnPropertyDescriptor(server, "emit");
  const emit = server.emit;
  let active = true;
  const covered = function (this: Emitter, ...args: Parameters<Server["emit"]>): boolean {
    const call = (): boolean => Reflect.apply(emit, this, args);
    return active ? see(call, args) : call();
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
