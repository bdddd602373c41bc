/**
 * Hands on what the outbox holds, and ends.
 *
 * node relaying.js OPTIONS DIRECTORY
 */
import "reflect-metadata";
import log4js from "log4js";
import { DataSource } from "typeorm";
import { audit, auditLogging } from "activity-audit";
import { Note } from "./note.js";

async function main(): Promise<void> {
  const [options, directory] = process.argv.slice(2) as [string, string];
  log4js.configure(auditLogging({ directory, serviceName: "clinic" }));
  const dataSource = new DataSource({ ...JSON.parse(options), entities: [Note] });
  await dataSource.initialize();
  audit.start({ serviceName: "clinic" });
  audit.attach(dataSource, { consistency: "outbox" });
  await audit.flush({ timeoutMs: 120_000 });
  await audit.stop();
  await dataSource.destroy();
}

void main();
