/**
 * Does random steps until it is killed; or only this text; or, told to `end`, only hands on what the dead have left.
 *
 * node intents.js KIND DATABASE DIRECTORY SEED write|TEXT|end
 */
import "reflect-metadata";
import log4js from "log4js";
import { DataSource } from "typeorm";
import { audit, auditLogging } from "activity-audit";
import { randomOf } from "../../acts.js";
import { options } from "./entry.js";
import { run, steps, type Kind } from "./steps.js";

const [kind, database, directory, seed, task] = process.argv.slice(2) as [
  Kind,
  string,
  string,
  string,
  string,
];

async function main(): Promise<void> {
  log4js.configure(auditLogging({ directory, serviceName: "book" }));
  const dataSource = await new DataSource(options(kind, database)).initialize();
  audit.start({ serviceName: "book" });
  audit.attach(dataSource, { consistency: "outbox", onOutboxError: "fail" });
  if (task === "end") {
    await audit.flush({ timeoutMs: 60_000 });
    const { faults } = audit.health();
    await audit.stop();
    await dataSource.destroy();
    process.stdout.write(JSON.stringify(faults));
    return;
  }
  const random = randomOf(Number(seed));
  const all = steps[kind];
  for (let count = 0; ; count += 1) {
    const requestId = `${seed}.${count}`;
    const texts = task === "write" ? all[random(all.length)]!(requestId) : [task];
    await audit.run({ actor: { id: "worker" }, requestId }, () => run(dataSource, texts));
    process.stdout.write(".");
  }
}

void main();
