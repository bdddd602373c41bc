/**
 * The servers that are measured, and the connections to each.
 *
 * @module
 */
import { fork } from "node:child_process";
import { join } from "node:path";
import { openConnections } from "./client.mjs";

const CONNECTIONS = 32;

/** A server a variant, each in a process of its own, with a file of its own in `directory`; by the variant's name. */
export async function startServers(framework, variants, directory) {
  const servers = new Map();
  for (const variant of variants) {
    const file = join(directory, `${framework}-${variant}.log`);
    const child = fork(new URL("server.mjs", import.meta.url), [framework, variant, file]);
    const answer = () => new Promise((resolve) => child.once("message", resolve));
    const { port } = await answer();
    servers.set(variant, {
      connections: await openConnections(port, CONNECTIONS),
      usage() {
        child.send("usage");
        return answer();
      },
      stop: () =>
        new Promise((resolve) => {
          child.once("exit", resolve);
          child.kill("SIGKILL");
        }),
    });
  }
  return servers;
}
