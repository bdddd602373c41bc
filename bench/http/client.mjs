/**
 * A client on bare sockets: cheap enough that it does not compete with the server that is measured.
 */
import { connect } from "node:net";

const body = JSON.stringify({
  customer: { id: 4711, name: "Zoë Example" },
  items: [
    { sku: "A-100", quantity: 2, price: 19.99 },
    { sku: "B-200", quantity: 1, price: 249.5 },
  ],
  note: "leave at the door, please",
  express: true,
});

export const request = Buffer.from(
  [
    "POST /api/orders?src=web HTTP/1.1",
    "Host: 127.0.0.1",
    "User-Agent: bench/1.0 (measuring; not a browser)",
    "Accept: application/json, text/plain, */*",
    "Accept-Encoding: identity",
    "Accept-Language: en-GB,en;q=0.9",
    "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJl",
    "X-Request-Id: 3f2c8a52-7d1e-4c38-9a50-51b0f2f9a001",
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n"),
);

/** Keep-alive connections to one server. */
export async function openConnections(port, count) {
  const connections = await Promise.all(Array.from({ length: count }, () => open(port)));
  return {
    /** Sends so many requests, one after the other on each connection; gives the latencies in milliseconds. */
    burst(requests) {
      let left = requests;
      const latencies = [];
      const drive = async (connection) => {
        while (left-- > 0) latencies.push(await connection());
      };
      return Promise.all(connections.map(drive)).then(() => latencies);
    },
    /** Sends requests at a steady rate, whether or not answers come; latency counts from when it was due. */
    async steady(rate, seconds) {
      const latencies = [];
      const free = [...connections];
      const waiting = [];
      const start = performance.now();
      const total = Math.round(rate * seconds);
      let sent = 0;
      await new Promise((resolve) => {
        const send = (connection, due) =>
          connection().then(() => {
            latencies.push(performance.now() - due);
            const next = waiting.shift();
            if (next === undefined) free.push(connection);
            else send(connection, next);
            if (latencies.length === total) resolve();
          });
        const timer = setInterval(() => {
          const due = Math.min(total, Math.floor(((performance.now() - start) / 1000) * rate));
          for (; sent < due; sent += 1) {
            const at = start + (sent / rate) * 1000;
            const connection = free.pop();
            if (connection) send(connection, at);
            else waiting.push(at);
          }
          if (sent === total) clearInterval(timer);
        }, 1);
      });
      return latencies;
    },
  };
}

function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setNoDelay(true);
    socket.once("error", reject);
    let text = "";
    let answered = null;
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      const head = text.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
      if (text.length < head + 4 + length) return;
      text = "";
      answered();
    });
    socket.once("connect", () =>
      resolve(() => {
        const start = performance.now();
        return new Promise((done) => {
          answered = () => done(performance.now() - start);
          socket.write(request);
        });
      }),
    );
  });
}
