/**
 * TRUNCATE tells no number of rows, so they are counted before, under the lock that it takes itself.
 *
 * @module
 */
import type { ManyRowsChange, RowChange } from "../family.js";
import type { TableFacts } from "./catalog.js";
import { quotedTable } from "./names.js";
import type { Answered, Ask, Steps } from "./steps.js";

/** Counting more would hold up the application for longer than the number is worth: then it is not told. */
const COUNTED_ROWS = 1_000_000;

export class TruncateSteps implements Steps {
  readonly #tables: readonly TableFacts[];
  readonly #counts = new Map<TableFacts, number | null>();

  constructor(tables: readonly TableFacts[]) {
    this.#tables = tables;
  }

  async before(ask: Ask): Promise<void> {
    for (const facts of this.#tables) {
      if (facts.untold !== null) continue;
      const name = quotedTable(facts.ref);
      await ask(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
      const [row] = await ask(
        `SELECT count(*)::pg_catalog.text FROM (SELECT 1 FROM ${name} LIMIT ${COUNTED_ROWS + 1}) AS counted`,
      );
      const count = Number(row?.[0]);
      this.#counts.set(facts, count > COUNTED_ROWS ? null : count);
    }
  }

  async after(_ask: Ask, { context }: Answered): Promise<readonly RowChange[]> {
    return this.#tables.map((facts): ManyRowsChange => {
      const rowCount = this.#counts.get(facts) ?? null;
      const { table } = facts;
      return { op: "truncate", table, before: null, after: null, rowCount, statement: null, context };
    });
  }
}
