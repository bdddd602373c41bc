/**
 * What a request costs without sockets: `in-process.mjs fastify audit /tmp/x.log` prints microseconds a request.
 *
 * Requests come over streams in memory, so there is no kernel and no client in the figure, and the fastest of many
 * short runs is taken. That tells a microsecond more or less even on a machine that does other work, where figures
 * over real sockets move by half.
 */
import { Duplex } from "node:stream";
import { start } from "./applications.mjs";
import { request } from "./client.mjs";

const CONNECTIONS = 8;
const WARM_UP = 20_000;
const RUNS = 300;
const REQUESTS = 100;

const server = await start(...process.argv.slice(2));
const connections = Array.from({ length: CONNECTIONS }, connect);
await burst(WARM_UP);
let fastest = Infinity;
for (let run = 0; run < RUNS; run += 1) {
  const begin = performance.now();
  await burst(REQUESTS);
  fastest = Math.min(fastest, ((performance.now() - begin) * 1000) / REQUESTS);
  await new Promise((resolve) => setImmediate(resolve));
}
process.stdout.write(JSON.stringify({ us: fastest }));
process.exit(0);

/** Gives a function that sends a request, and resolves when it has been answered. */
function connect() {
  let answered;
  const taken = (_chunks, done) => {
    done();
    answered?.();
  };
  const socket = new Duplex({
    read() {},
    write: (chunk, _encoding, done) => taken(chunk, done),
    writev: taken,
  });
  for (const name of ["setTimeout", "setNoDelay", "setKeepAlive", "ref", "unref"])
    socket[name] = () => socket;
  socket.remoteAddress = "127.0.0.1";
  server.emit("connection", socket);
  return () =>
    new Promise((resolve) => {
      answered = resolve;
      socket.push(request);
    });
}

async function burst(requests) {
  let left = requests;
  const drive = async (send) => {
    while (left-- > 0) await send();
  };
  await Promise.all(connections.map(drive));
}
