/**
 * Whether memory stays where it is: `memory.mjs express 1000000` sends so many requests to one server with audit, in ten
 * parts, and prints the resident memory after each.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startServers } from "./servers.mjs";

/** Resident bytes of the server after a fifth of the requests, and after all of them. */
export async function memoryOver({ connections, usage }, requests) {
  await connections.burst(Math.round(requests / 5));
  const { memory: early } = await usage();
  await connections.burst(requests);
  const { memory: late } = await usage();
  return [early, late];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [framework = "express", requests = "1000000"] = process.argv.slice(2);
  const directory = mkdtempSync(join(tmpdir(), "audit-bench-memory-"));
  const server = (await startServers(framework, ["audit"], directory)).get("audit");
  try {
    for (let part = 1; part <= 10; part += 1) {
      await server.connections.burst(Number(requests) / 10);
      const { memory } = await server.usage();
      const sent = Math.round((Number(requests) / 10) * part);
      process.stdout.write(`${JSON.stringify({ requests: sent, resident_mb: Math.round(memory / 1e6) })}\n`);
    }
  } finally {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  process.exit(0);
}
