/**
 * A stretch of network between a client and a server of this machine, which can fall silent.
 */
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

export interface TcpProxy {
  readonly port: number;
  /** From now on nothing arrives on either side, and nothing is closed. */
  silence(): void;
  /** Lets through what was held back. */
  resume(): void;
  close(): Promise<void>;
}

export async function tcpProxy(port: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let silent = false;
  const forward = (from: Socket, to: Socket): void => {
    sockets.add(from);
    if (silent) from.pause();
    from.on("data", (chunk: Buffer) => to.write(chunk));
    from.on("end", () => !silent && to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => sockets.delete(from));
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    forward(near, far);
    forward(far, near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    silence() {
      silent = true;
      for (const socket of sockets) socket.pause();
    },
    resume() {
      silent = false;
      for (const socket of sockets) socket.resume();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
