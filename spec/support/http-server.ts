/**
 * Starts and ends a server for a spec.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";

/** A file that the applications of the specs send. */
export const STYLE_SHEET = join(process.cwd(), "spec/support/app.css");

export interface Running {
  readonly server: Server;
  readonly port: number;
  close(): Promise<void>;
}

/** Waits until `server` listens; its end cuts the connections that a spec left open. */
export async function running(server: Server): Promise<Running> {
  checkedOften(server);
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  return {
    server,
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/**
 * Makes a server that does not listen yet look for requests beyond their time at every moment, not twice a minute.
 * Frameworks do not hand this option of `createServer` on; the server reads it when it begins to listen.
 */
export function checkedOften(server: Server): void {
  Object.assign(server, { connectionsCheckingInterval: 20 });
}

/** Events for a client, until it goes. */
export function serverSentEvents(): Readable {
  return Readable.from(
    (async function* () {
      for (let n = 1; ; n++) {
        yield `data: ${n}\n\n`;
        await sleep(5);
      }
    })(),
    { objectMode: false },
  );
}
