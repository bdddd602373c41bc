/**
 * What one connection must ask before its texts can be read: who it is, and what the tables are.
 *
 * @module
 */
import { factsQuery, identityQuery, volatileQuery } from "./catalog.js";
import { identityOf, type Library } from "./library.js";
import { quotedTable } from "./names.js";
import type { Missing, Plan } from "./plan.js";
import type { Ask } from "./steps.js";

/** Facts may lead to further tables, by foreign keys; each round asks for all that are known to be missing. */
const MOST_ROUNDS = 10;

export class Acquaintance {
  readonly #library: Library;
  readonly #ask: Ask;
  readonly #process: () => number | null | undefined;
  /** Under which role and search path the connection is; `null`: not known, or not any more. */
  identity: string | null = null;
  /** There is one process of the server for this connection, which will know a prepared statement again. */
  direct = false;

  /** @param process - the server's process, as the server said when the connection began */
  constructor(library: Library, process: () => number | null | undefined, ask: Ask) {
    this.#library = library;
    this.#process = process;
    this.#ask = ask;
  }

  /** The way to run a text, once all is known; `null` if that cannot be, or if `mayAsk` says that nothing may be asked. */
  async plan(text: string, mayAsk: () => boolean): Promise<Plan | null> {
    for (let round = 0; round < MOST_ROUNDS; round += 1) {
      if (!mayAsk()) return null;
      this.identity ??= await this.#askIdentity();
      const { identity } = this;
      const plan = this.#library.plan(text, identity);
      if (!("tables" in plan)) return plan;
      await this.#learn(plan, identity);
    }
    return null;
  }

  async #askIdentity(): Promise<string> {
    const [row] = await this.#ask(identityQuery);
    const [user, schemas, replication, version, process] = row ?? [];
    // A pooler in between has a number of its own, and may give the next statement to another process of the server.
    this.direct = Number(process) === this.#process();
    return identityOf(user ?? "", schemas ?? "", replication ?? "", Number(version));
  }

  async #learn({ tables, calls }: Missing, identity: string): Promise<void> {
    const { generation } = this.#library;
    for (const table of tables) {
      const [row] = await this.#ask(factsQuery, [quotedTable(table)]);
      this.#library.learnTable(identity, table, row?.[0] ?? null, generation);
    }
    if (calls.length === 0) return;
    const [row] = await this.#ask(volatileQuery, [calls]);
    this.#library.learnVolatile(identity, calls, row?.[0] !== "false", generation);
  }
}
