/**
 * Writes random transactions until it is killed, or, told to `end`, only hands on what the dead have left.
 *
 * node worker.js KIND PLACE DIRECTORY SEED write|end
 */
import "reflect-metadata";
import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";
import type { DataSource, EntityManager, QueryRunner } from "typeorm";
import { audit } from "activity-audit";
import { randomOf } from "../../acts.js";
import { Account, options, SECRET, type Kind } from "./account.js";
import { begin } from "./program.js";

const [kind, place, directory, seed, task] = process.argv.slice(2) as [Kind, string, string, string, string];
const random = randomOf(Number(seed));

/** In one step, where TypeORM itself would cut the file short and write it anew. */
async function save(bytes: Uint8Array): Promise<void> {
  writeFileSync(`${place}.new`, bytes);
  const file = openSync(`${place}.new`, "r");
  fsyncSync(file);
  closeSync(file);
  renameSync(`${place}.new`, place);
}

async function write(manager: EntityManager): Promise<void> {
  const accounts = manager.getRepository(Account);
  const request = audit.current()!.requestId;
  const [one] = await accounts.find({
    select: { id: true },
    order: { id: "DESC" },
    skip: random(5),
    take: 1,
  });
  const made = { owner: `o${random(9)} é'"\\☃`, cents: random(1000), request, note: SECRET };
  switch (one ? random(6) : 0) {
    case 0:
      return void (await accounts.insert(made));
    case 1:
      return void (await accounts.save([made, { ...made, cents: 7 }].map((row) => accounts.create(row))));
    case 2:
      return void (await accounts.update({ id: one!.id }, { cents: random(1000), request }));
    case 3:
      return void (await manager.query(
        `UPDATE account SET cents = cents + 1, request = '${request}' WHERE cents < 50`,
      ));
    case 4:
      return void (await accounts.delete({ id: one!.id }));
    default:
      return void (await accounts.insert([made, made, made]));
  }
}

async function transaction(runner: QueryRunner): Promise<void> {
  const byHand = random(3) === 0;
  if (byHand) await runner.query(random(2) ? "BEGIN" : "/* by hand */ BEGIN");
  else await runner.startTransaction();
  for (let left = 1 + random(3); left > 0; left -= 1) {
    await write(runner.manager);
    if (random(4) > 0) continue;
    await runner.query("SAVEPOINT mine");
    await write(runner.manager);
    await runner.query(random(2) ? "ROLLBACK TO SAVEPOINT mine" : "RELEASE SAVEPOINT mine");
  }
  const kept = random(4) > 0;
  if (byHand) await runner.query(kept ? "COMMIT" : "ROLLBACK");
  else await (kept ? runner.commitTransaction() : runner.rollbackTransaction());
}

async function step(dataSource: DataSource): Promise<void> {
  if (random(3) === 0) return write(dataSource.manager);
  const runner = dataSource.createQueryRunner();
  try {
    await transaction(runner);
  } catch {
    // Another worker had the rows: deadlock, or a row gone.
    if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => {});
    else await runner.query("ROLLBACK").catch(() => {});
  } finally {
    await runner.release();
  }
}

async function main(): Promise<void> {
  const own = kind === "sqljs" ? { autoSaveCallback: save } : {};
  const dataSource = await begin({
    directory,
    serviceName: "bank",
    options: { ...options(kind, place), ...own } as never,
    ends: task === "end",
  });
  if (!dataSource) return;
  for (;;) {
    await audit.run({ actor: { id: `worker ${seed}` } }, () => step(dataSource)).catch(() => {});
    process.stdout.write(".");
    if (kind === "sqljs" || kind === "better-sqlite3") await new Promise((resolve) => setImmediate(resolve));
  }
}

void main();
