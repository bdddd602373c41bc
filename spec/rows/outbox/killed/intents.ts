/**
 * Does random steps until it is killed; or only this text; or, told to `end`, only hands on what the dead have left.
 *
 * node intents.js KIND DATABASE DIRECTORY SEED write|TEXT|end
 */
import "reflect-metadata";
import { audit } from "activity-audit";
import { randomOf } from "../../acts.js";
import { options } from "./entry.js";
import { begin } from "./program.js";
import { run, steps, type Kind } from "./steps.js";

const [kind, database, directory, seed, task] = process.argv.slice(2) as [
  Kind,
  string,
  string,
  string,
  string,
];

async function main(): Promise<void> {
  const dataSource = await begin({
    directory,
    serviceName: "book",
    options: options(kind, database),
    ends: task === "end",
  });
  if (!dataSource) return;
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
