/**
 * Starts and ends a server for a spec.
 */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Running {
  readonly port: number;
  close(): Promise<void>;
}

/** Waits until `server` listens; its end cuts the connections that a spec left open. */
export async function running(server: Server): Promise<Running> {
  if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
