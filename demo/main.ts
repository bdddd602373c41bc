/**
 * `npm run demo`: a day at the audited clinic, and what was recorded of it.
 *
 * With `--serve` the clinic stays up afterwards, until Ctrl-C.
 *
 * @module
 */
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { audit } from "activity-audit";
import pc from "picocolors";
import { report } from "./report.js";
import { driveClinic } from "./script.js";
import { startWorld } from "./world.js";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      serve: { type: "boolean", default: false },
      directory: { type: "string", default: "audit_logs" },
      port: { type: "string", default: "0" },
    },
  });
  const directory = resolve(values.directory);
  await rm(directory, { recursive: true, force: true });

  const world = await startWorld({ directory, port: Number(values.port) });
  console.log(pc.bold(`\nThe clinic is open at ${world.url}; a day passes:\n`));
  await driveClinic(world.url, (step, status) => {
    console.log(`  ${colour(status)(String(status).padEnd(8))}${step}`);
  });

  if (values.serve) {
    await audit.flush();
    report(directory);
    console.log(pc.bold(`\nThe clinic stays open at ${world.url} until Ctrl-C.`));
    await new Promise<void>((stop) => process.once("SIGINT", stop));
    await world.close();
    return;
  }
  await world.close();
  report(directory);
}

function colour(status: number | string): (text: string) => string {
  if (typeof status === "string" || status >= 500) return pc.red;
  return status >= 400 ? pc.yellow : pc.green;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
