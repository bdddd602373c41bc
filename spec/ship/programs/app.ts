/**
 * An application that records as fast as it is told to: `app.js DIRECTORY URL NAME COUNT`. It says each number on its standard
 * output after the record was taken, so that what it has promised is known outside.
 *
 * With a limit of its spool (MAX_SPOOL_BYTES) it records longer texts, and ends when the spool is within the limit again and
 * records were given up.
 */
import { writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { audit, auditLogging } from "activity-audit";
import { clickhouseAppender } from "activity-audit/clickhouse";
import log4js from "log4js";

const [directory = "", url = "", name = "", count = "0"] = process.argv.slice(2);
const limit = Number(process.env["MAX_SPOOL_BYTES"] ?? 0);
const longer = limit > 0 ? "x".repeat(1500) : "";

async function main(): Promise<void> {
  const configuration = auditLogging({ directory: join(directory, name), console: false });
  configuration.appenders.clickhouse = clickhouseAppender({
    url,
    database: "audit",
    spool: join(directory, "spool"),
    intervalMs: 50,
    maxRetryMs: 500,
    requestTimeoutMs: 5000,
    ...(limit > 0 ? { maxSpoolBytes: limit, closeTimeoutMs: 0 } : { closeTimeoutMs: 120_000 }),
  });
  configuration.categories["audit.event"]!.appenders.push("clickhouse");
  log4js.configure(configuration);
  audit.start({ serviceName: name });
  for (let number = 0; number < Number(count); number += 1) {
    audit.record({ action: "count", extra: { number, text: `line\u2028 "${number}" \\ é 漢${longer}` } });
    writeSync(1, `${number}\n`);
    if (number % 20 === 0) await pause(5);
  }
  if (limit > 0) await untilGivenUp();
  await audit.stop();
  await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
}

async function untilGivenUp(): Promise<void> {
  for (;;) {
    const [shipping] = audit.health().shipping;
    writeFileSync(join(directory, "shipping.json"), JSON.stringify(shipping));
    if (shipping!.dropped > 0 && shipping!.waiting_bytes <= limit) return;
    await pause(20);
  }
}

void main();
