/**
 * Runs a command with a PostgreSQL server of its own: `node spec/with-postgres.mjs BIN COMMAND…`, where BIN is the
 * folder that holds `initdb` and `postgres`. The command finds the server by PGHOST and PGPORT; when it ends, server
 * and data are gone.
 *
 * For what the server of the machine may not be: PostgreSQL 18, whose RETURNING knows the old row, or one that allows
 * two-phase commit.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const [bin, command, ...args] = process.argv.slice(2);
if (command === undefined) {
  console.error("Usage: node spec/with-postgres.mjs BIN COMMAND…");
  process.exit(2);
}

// PostgreSQL refuses to be run by root; the ids of `nobody` are the same everywhere.
const user = process.getuid() === 0 ? { uid: 65534, gid: 65534 } : {};
const data = mkdtempSync(join(tmpdir(), "activity-audit-postgres-"));
chmodSync(data, 0o700);
if (user.uid) chownSync(data, user.uid, user.gid);
process.on("exit", () => rmSync(data, { recursive: true, force: true }));

const made = spawnSync(
  join(bin, "initdb"),
  ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
  { ...user, encoding: "utf8" },
);
if (made.status !== 0) {
  console.error(made.error ?? made.stderr);
  process.exit(1);
}

const port = await freePort();
const settings = {
  listen_addresses: "127.0.0.1",
  port,
  unix_socket_directories: "",
  fsync: "off",
  max_prepared_transactions: 20,
  max_connections: 200,
};
const server = spawn(
  join(bin, "postgres"),
  ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])],
  { ...user, stdio: ["ignore", "ignore", "pipe"] },
);
let log = "";
server.stderr.on("data", (chunk) => (log = (log + chunk).slice(-20_000)));
const stopped = once(server, "exit");
let status = 1;
try {
  while (!(await answers(port))) {
    if (server.exitCode !== null) throw new Error(`The server did not start:\n${log}`);
    await pause(50);
  }
  const env = { ...process.env, PGHOST: "127.0.0.1", PGPORT: String(port), PGUSER: "postgres" };
  const child = spawn(command, args, { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  [status] = await once(child, "exit");
} finally {
  // At once, also where connections are left open.
  server.kill("SIGINT");
  await stopped;
}
process.exit(status ?? 1);

async function freePort() {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port: found } = probe.address();
  await new Promise((closed) => probe.close(closed));
  return found;
}

function answers(at) {
  return new Promise((resolve) => {
    const socket = connect(at, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });
}
