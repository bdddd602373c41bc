/**
 * A client on a bare socket, for what a well-behaved one never does: half requests, pipelining, sudden ends.
 */
import { request as httpRequest, type IncomingHttpHeaders, type RequestOptions } from "node:http";
import { connect, type Socket } from "node:net";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** A request that is made in the usual way. */
export function fetchOnce(
  port: number,
  options: RequestOptions & { body?: string | Buffer | readonly Buffer[] } = {},
): Promise<Answer> {
  const { body, ...rest } = options;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: "127.0.0.1", port, agent: false, ...rest }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on("error", reject);
    if (Array.isArray(body)) for (const chunk of body as readonly Buffer[]) request.write(chunk);
    request.end(Array.isArray(body) ? undefined : (body as string | Buffer | undefined));
  });
}

/** A bare socket that has sent `text`. */
export function rawSocket(port: number, text = ""): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => {
      if (text) socket.write(text);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}

/** Sends requests on so many connections, without waiting for any answer; all that comes back on each. */
export function pipelined(
  port: number,
  requests: readonly string[],
  connections: number,
): Promise<readonly string[]> {
  return Promise.all(
    Array.from({ length: connections }, async (_, at) => {
      const own = requests.filter((__, index) => index % connections === at);
      const socket = await rawSocket(port, own.join(""));
      let answers = 0;
      let text = "";
      for await (const chunk of socket) {
        text += String(chunk);
        answers = text.split("HTTP/1.1 ").length - 1;
        if (answers === own.length && text.endsWith("}")) break;
      }
      socket.destroy();
      return text;
    }),
  );
}

/** All that the server sends until `enough` says so, or it closes. */
export function received(socket: Socket, enough: (text: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const done = (): void => {
      socket.off("data", take).off("close", done);
      resolve(text);
    };
    const take = (chunk: Buffer): void => {
      text += chunk.toString("latin1");
      if (enough(text)) done();
    };
    socket
      .on("data", take)
      .once("close", done)
      .on("error", () => {});
  });
}
