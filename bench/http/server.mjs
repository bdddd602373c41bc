/**
 * One server in a process of its own: `server.mjs express audit /tmp/x.log`.
 *
 * In a process of its own, since AsyncLocalStorage, once used, costs every promise of the process on Node 20 and 22.
 */
import { readFileSync } from "node:fs";
import { start } from "./applications.mjs";

const [framework, variant, file] = process.argv.slice(2);
const { port } = (await start(framework, variant, file)).address();

/** The time that this thread alone was on a CPU, in nanoseconds. */
function threadCpu() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]);
}

process.on("message", () => process.send({ cpu: threadCpu(), memory: process.memoryUsage.rss() }));
process.send({ port });
