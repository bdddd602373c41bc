/**
 * Rows by TypeORM's own query builders: for every driver that has no family of its own, and for whoever wants no
 * statement rewritten and no trigger made.
 *
 * The rows that a builder is about to change are read with the builder's own WHERE, on its own query runner, and
 * read again by primary key afterwards. The builder's statement is sent as it is. What goes around the builders
 * is not seen, and `blind` says so.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import type { Undo } from "../capture.js";
import type { Family } from "./family.js";
import { replaceMethod } from "../patch.js";
import { dataSourceOf, type WriteBuilder } from "./portable/builder.js";
import { Execution, type Shared } from "./portable/execution.js";
import { Transactions } from "./portable/transactions.js";

export const portable: Family = {
  name: "portable",
  drivers: [],
  blind: [
    "Raw SQL (`query`, `sql`), streams, `clear()`, and the rows of closure tables, which TypeORM writes by raw SQL.",
    "Rows that the database changes by itself: ON DELETE and ON UPDATE actions, triggers, stored routines.",
    "Rows whose keys TypeORM does not tell: INSERT … SELECT, an upsert without its unique key in the values, a primary key set by an expression: recorded as one statement.",
    "Which of several statements changed a row, where they run at the same time: in one transaction without waiting for each other, or outside of a transaction from several connections.",
    "Changes by listeners and subscribers, inside of a builder's own statement, to the rows that it changes: told with it as one change.",
    "An insert whose listener or subscriber throws after it was done: TypeORM tells no id then.",
    "Integers beyond 2^53 where the driver gives them as numbers: the field is left out. Decimals that it gives as numbers have their digits.",
    "Rows of an insert whose ids the driver tells wrongly, as MySQL does with `auto_increment_increment` above 1.",
    "A transaction whose query runner is released while it is open (what the next user of its connection writes is told as committed), a COMMIT whose answer was lost, and a transaction whose state TypeORM itself has lost because a subscriber threw.",
  ],
  start(dataSource, sink, scope, limits) {
    const transactions = new Transactions(dataSource, sink, limits);
    const shared: Shared = { dataSource, scope, limits, transactions };
    const undos = [transactions.follow(), ...prototypesOf(dataSource).map((one) => wrap(one, shared))];
    return () => {
      for (const undo of undos.toReversed()) undo();
    };
  },
};

/** The writing builders of this DataSource's own copy of TypeORM. */
function prototypesOf(dataSource: DataSource): WriteBuilder[] {
  const builder = dataSource.createQueryBuilder();
  const writers: object[] = [builder.insert(), builder.update(), builder.delete(), builder.softDelete()];
  return writers.map((writer) => Object.getPrototypeOf(writer) as WriteBuilder);
}

function wrap(prototype: WriteBuilder, shared: Shared): Undo {
  return replaceMethod(
    prototype,
    "execute",
    (execute) =>
      function (this: WriteBuilder): Promise<unknown> {
        const run = (): Promise<unknown> => execute.call(this) as Promise<unknown>;
        // The prototype serves all DataSources of this copy of TypeORM.
        if (dataSourceOf(this) !== shared.dataSource) return run();
        const execution = Execution.of(this, shared);
        return execution ? execution.around(run) : run();
      },
  );
}
