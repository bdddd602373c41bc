/**
 * Transactions in all the ways in which they begin and end, with the database's row triggers as truth.
 *
 * Each scenario runs without us and with us, on tables that are the same. What the application sees of each
 * step and what is committed in the end must be equal; what was recorded must be what was committed.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import { captureAll, prepared, type Captured } from "./captured.js";
import { Plain, Up } from "./operations/entities.js";
import type { Database } from "./operations/operation.js";
import { isApplications, keyed, recordedRows, trueRows } from "./operations/truth.js";
import { raw } from "./scenarios/raw.js";
import { leavesOn, type Scenario } from "./scenarios/scenario.js";
import { subscribers } from "./scenarios/subscribers.js";
import { transactions } from "./scenarios/transactions.js";

const entities = [Plain, Up];

/** What one run came to. */
interface Outcome {
  readonly seen: readonly string[];
  readonly left: readonly string[];
  readonly truth: readonly string[];
  readonly events: readonly RowEvent[];
  readonly recorded: readonly string[];
}

/** Declares a spec for each scenario: the recorded rows are the committed ones, and no other, in order. */
export function describeScenarios(database: Database, own: readonly Scenario[] = []): void {
  describe(`transactions on ${database.name}`, () => {
    let unavailable: string | null = null;
    let witness: DataSource | undefined;

    before(async () => {
      unavailable = await database.unavailable();
      if (unavailable === null && database.empty) witness = await prepared(database, entities);
    });

    after(async () => {
      if (!witness) return;
      await database.drop(witness);
      await witness.destroy();
    });

    for (const scenario of [...transactions, ...raw, ...subscribers, ...own]) {
      it(scenario.name, async (context) => {
        const reason = unavailable ?? database.lacks?.[scenario.name];
        if (reason !== undefined) return context.skip(reason);
        const alone = await play(scenario, database, witness, false);
        const leaves = leavesOn(database.name, scenario);
        if (leaves) assert.deepEqual(alone.left, ["kept", ...leaves], "TypeORM by itself");
        const audited = await play(scenario, database, witness, true);
        assert.deepEqual(audited.seen, alone.seen);
        assert.deepEqual(audited.left, alone.left);
        assert.deepEqual(audited.truth, alone.truth);
        if (database.unseen?.includes(scenario.name)) {
          assert.notDeepEqual(audited.recorded, audited.truth, "seen after all");
          return;
        }
        // A record that is in the database has no doubt about its COMMIT.
        const doubt = database.outbox ? undefined : scenario.doubt;
        const told = doubt === "statement" ? withoutImages : (rows: readonly string[]) => rows;
        assert.deepEqual(told(audited.recorded), told(audited.truth));
        const outcome = doubt ? "unknown" : "success";
        assert.ok(audited.events.every((event) => event.outcome === outcome));
      });
    }
  });
}

const withoutImages = (rows: readonly string[]): unknown[] =>
  rows.map((row) => (JSON.parse(row) as unknown[]).slice(0, 2));

async function play(
  scenario: Scenario,
  database: Database,
  witness: DataSource | undefined,
  audited: boolean,
): Promise<Outcome> {
  const events: RowEvent[] = [];
  const opened: DataSource[] = [];
  const open = async (options: object): Promise<DataSource> => {
    const one = new DataSource({ ...witness!.options, entities, ...options } as never);
    await one.initialize();
    opened.push(one);
    return one;
  };
  if (witness) await database.empty!(witness);
  const dataSource = witness ? await open({}) : await prepared(database, entities);
  const looking = witness ?? dataSource;
  const captures: Captured[] = [];
  const capture = (one: DataSource): DataSource => {
    if (audited) captures.push(captureAll(one, events, database));
    return one;
  };
  await looking.getRepository(Plain).insert({ name: "kept", n: 1 });
  await database.truth(looking);
  const seen: string[] = [];
  await scenario.run({
    dataSource: capture(dataSource),
    witness: looking,
    see: (what, work) => see(seen, what, work),
    open: async (options) => capture(await open(options)),
  });
  dataSource.subscribers.splice(0);
  // What is open still belongs to nobody: a server ends it with its connections, SQLite must be told.
  if (witness) for (const one of opened) await one.destroy();
  else await dataSource.query("ROLLBACK").catch(() => {});
  for (const { undo, ended } of captures) {
    undo();
    await ended();
  }
  const truth = trueRows(await database.truth(looking), looking)
    .filter(isApplications)
    .map(keyed);
  const recorded = recordedRows(events, looking).filter(isApplications).map(keyed);
  const rows = await looking.getRepository(Plain).find({ order: { id: "ASC" } });
  if (!witness) {
    await database.drop(dataSource);
    await dataSource.destroy();
  }
  return { seen, left: rows.map(({ name }) => name), truth, events, recorded };
}

async function see(seen: string[], what: string, work: Promise<unknown>): Promise<boolean> {
  try {
    seen.push(`${what}: ${JSON.stringify(await work)}`);
    return true;
  } catch (error) {
    seen.push(`${what}: ${String(error)}`);
    return false;
  }
}
