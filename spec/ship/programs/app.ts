/**
 * An application that records as fast as it is told to: `app.js DIRECTORY URL NAME COUNT`. It says each number on its standard
 * output after the record was taken, so that what it has promised is known outside.
 */
import { writeSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { audit, auditLogging } from "activity-audit";
import { clickhouseAppender } from "activity-audit/clickhouse";
import log4js from "log4js";

const [directory = "", url = "", name = "", count = "0"] = process.argv.slice(2);

async function main(): Promise<void> {
  const configuration = auditLogging({ directory: join(directory, name), console: false });
  configuration.appenders.clickhouse = clickhouseAppender({
    url,
    database: "audit",
    spool: join(directory, "spool"),
    intervalMs: 50,
    maxRetryMs: 500,
    requestTimeoutMs: 5000,
  });
  configuration.categories["audit.event"]!.appenders.push("clickhouse");
  log4js.configure(configuration);
  audit.start({ serviceName: name });
  for (let number = 0; number < Number(count); number += 1) {
    audit.record({ action: "count", extra: { number, text: `line\u2028 "${number}" \\ é 漢` } });
    writeSync(1, `${number}\n`);
    if (number % 20 === 0) await pause(5);
  }
  await audit.stop();
  await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
}

void main();
