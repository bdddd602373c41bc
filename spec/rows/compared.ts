/**
 * What was recorded and what the database's triggers saw, as texts that can be compared, transaction by transaction.
 */
import type { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { Database, TrueRow } from "./operations/operation.js";
import { isApplications, keyed, recordedRows, trueRows, type ComparedRow } from "./operations/truth.js";

/* Tables whose rows foreign keys take along: in which order, inside of a statement, is the database's own. */
const carried = /^(?:child|db_child|member|post_tags_tag)$/;

function lines({ unordered }: Database, rows: readonly ComparedRow[]): string {
  const own = rows.filter(isApplications);
  const texts = own.map(keyed);
  return (unordered && own.some(({ table }) => carried.test(table)) ? texts.toSorted() : texts).join("\n");
}

const isChange = (rows: string): boolean => rows !== "";

/** One text a transaction, in the order in which they were told; or one in all, where the triggers do not tell. */
export function recordedTransactions(
  database: Database,
  events: readonly RowEvent[],
  dataSource: DataSource,
): string[] {
  const found = new Map<string | null, RowEvent[]>();
  for (const event of events) {
    const key = database.transactions ? event.transactionId : null;
    const own = found.get(key);
    if (own) own.push(event);
    else found.set(key, [event]);
  }
  const texts = [...found.values()].map((own) => lines(database, recordedRows(own, dataSource)));
  return database.transactions ? texts.filter(isChange) : texts.join("\n").split("\n");
}

/** The same of the truth. */
export async function trueTransactions(database: Database, dataSource: DataSource): Promise<string[]> {
  const text = (rows: readonly TrueRow[]): string => lines(database, trueRows(rows, dataSource));
  if (database.transactions) return (await database.transactions(dataSource)).map(text).filter(isChange);
  return text(await database.truth(dataSource)).split("\n");
}
