/**
 * Rows that foreign keys delete or change when a statement deletes rows, or changes keys, that they refer to.
 *
 * RETURNING knows nothing of them. So the statement's own rows are locked first: from then on nobody can add a
 * row that refers to them. Then the rows that do are locked and read, and those that refer to these in turn.
 * What is changed and not deleted is read again after the statement.
 *
 * @module
 */
import type { ManyRowsChange, RowChange, TableScope } from "../family.js";
import type { InboundKey, TableFacts } from "./catalog.js";
import { quoted, quotedTable } from "./names.js";
import type { TableRef } from "./read.js";
import type { Answered, Ask, Steps } from "./steps.js";

/** What happens to rows: they go, or these columns change. */
export type Effect =
  { readonly kind: "delete" } | { readonly kind: "update"; readonly changed: readonly string[] };

/** Facts by name; every table that `reach` names is known. */
export type Lookup = (table: TableRef) => TableFacts | null | undefined;

/** One foreign key that acts, and what it does to the rows that refer. */
interface Action {
  readonly key: InboundKey;
  readonly effect: Effect;
}

function actionsOn(facts: TableFacts, effect: Effect): Action[] {
  return facts.inbound.flatMap((key): Action[] => {
    if (effect.kind === "update" && !key.refers.some((column) => effect.changed.includes(column))) return [];
    const action = effect.kind === "delete" ? key.onDelete : key.onUpdate;
    if (action === "none") return [];
    const deletes = effect.kind === "delete" && action === "cascade";
    return [{ key, effect: deletes ? effect : { kind: "update", changed: key.columns } }];
  });
}

/** So many rows are locked and read at most, because all of them are held: beyond, their tables are told by one entry each. */
const MOST_ROWS = 50_000;

/** All tables that the effect may reach, and those among them that are not known yet. */
export function reach(
  root: TableFacts,
  effect: Effect,
  lookup: Lookup,
): { readonly tables: readonly TableFacts[]; readonly unknown: readonly TableRef[] } {
  const tables = new Map<string, TableFacts>();
  const unknown: TableRef[] = [];
  const seen = new Set<string>();
  const follow = (facts: TableFacts, on: Effect): void => {
    for (const { key, effect: next } of actionsOn(facts, on)) {
      const child = lookup(key.child);
      if (child === undefined) unknown.push(key.child);
      if (!child) continue;
      tables.set(child.oid, child);
      const step = `${child.oid} ${JSON.stringify(next)}`;
      if (seen.has(step)) continue;
      seen.add(step);
      follow(child, next);
    }
  };
  follow(root, effect);
  return { tables: [...tables.values()], unknown };
}

/** What a cascade is, decided once for a text. */
export interface CascadePlan {
  readonly root: TableFacts;
  readonly effect: Effect;
  readonly lookup: Lookup;
  readonly scope: TableScope;
  /** Locks the rows that the statement is about to change; `null` if this role may not. */
  readonly lock: { readonly text: string; readonly parameters: readonly number[] } | null;
}

/** A row as the lock read it. */
interface LockedRow {
  /** Table and place: stays the same as long as we hold the lock. */
  readonly id: string;
  readonly json: string;
  readonly columns: ReadonlyMap<string, string | null>;
}

interface Reached {
  readonly facts: TableFacts;
  readonly row: LockedRow;
  deleted: boolean;
}

export class CascadeSteps implements Steps {
  readonly #plan: CascadePlan;
  readonly #reached = new Map<string, Reached>();
  /** Tables whose rows were, or may have been, changed without our seeing which. */
  readonly #unseen = new Set<TableFacts>();
  #own: readonly LockedRow[] = [];
  #ownIds: ReadonlySet<string> = new Set();
  /** How many more rows may be read. */
  #room = MOST_ROWS;

  constructor(plan: CascadePlan) {
    this.#plan = plan;
  }

  async before(ask: Ask, values: readonly unknown[]): Promise<void> {
    const { root, effect, lock } = this.#plan;
    if (!lock) return;
    const rows = await this.#lock(
      ask,
      lock.text,
      lock.parameters.map((number) => values[number - 1]),
    );
    this.#own = rows.map((row) => lockedRow(root, row));
    this.#ownIds = new Set(this.#own.map(({ id }) => id));
    await this.#follow(ask, root, effect, this.#own);
  }

  /** Locks and reads rows; none once there have been too many. */
  async #lock(ask: Ask, text: string, values: readonly unknown[]): Promise<(string | null)[][]> {
    if (this.#room < 0) return [];
    const rows = await ask(`${text} LIMIT ${this.#room + 1}`, values);
    this.#room -= rows.length;
    return this.#room < 0 ? [] : rows;
  }

  async #follow(ask: Ask, facts: TableFacts, effect: Effect, rows: readonly LockedRow[]): Promise<void> {
    if (rows.length === 0) return;
    for (const { key, effect: next } of actionsOn(facts, effect)) {
      const child = this.#plan.lookup(key.child);
      if (!child) continue;
      if (child.untold !== null || !child.lockable) {
        this.#unseen.add(child);
        continue;
      }
      const found = await this.#lock(ask, lockReferring(facts, child, key, next), referredValues(key, rows));
      const fresh = found.map((row) => lockedRow(child, row)).filter((row) => this.#add(child, row, next));
      await this.#follow(ask, child, next, fresh);
    }
  }

  /** False if the row needs no further look. A row that is changed by one key and deleted by another is deleted. */
  #add(facts: TableFacts, row: LockedRow, effect: Effect): boolean {
    const deleted = effect.kind === "delete";
    if (this.#ownIds.has(row.id)) {
      // The statement's own rows are told by its RETURNING; a second change of theirs is not.
      if (!deleted && this.#plan.effect.kind === "update") this.#unseen.add(facts);
      return false;
    }
    const known = this.#reached.get(row.id);
    if (!known) {
      this.#reached.set(row.id, { facts, row, deleted });
      return true;
    }
    const news = deleted && !known.deleted;
    known.deleted ||= deleted;
    return news;
  }

  async after(ask: Ask, answered: Answered): Promise<readonly RowChange[]> {
    const { context } = answered;
    const changes: RowChange[] = [];
    // A row that was locked and then spared, by a trigger or because another look found others, spares those that refer to it.
    const allGone = !this.#sparedRows(answered);
    const images = await this.#readAgain(ask, (deleted) => !deleted || !allGone);
    for (const { facts, row, deleted } of this.#reached.values()) {
      const { table, readImage } = facts;
      if (!this.#plan.scope.includes(table)) continue;
      const before = readImage(row.json);
      const after = images.get(row.id);
      if (deleted && !allGone && facts.key.length === 0) this.#unseen.add(facts);
      else if (deleted && after === undefined)
        changes.push({ op: "delete", table, before, after: null, context });
      else if (after === undefined) this.#unseen.add(facts);
      else if (after !== row.json)
        changes.push({ op: "update", table, before, after: readImage(after), context });
    }
    if (this.#missedRows(answered)) {
      for (const facts of reach(this.#plan.root, this.#plan.effect, this.#plan.lookup).tables)
        this.#unseen.add(facts);
    }
    for (const { table } of this.#unseen) {
      if (this.#plan.scope.includes(table)) changes.push(unseenRows(table, answered));
    }
    return changes;
  }

  /** True if the statement changed rows that were not there yet when we locked. */
  #missedRows({ images, affected }: Answered): boolean {
    if (!this.#plan.lock || this.#room < 0) return affected !== 0;
    if (!images) return affected === null || affected > this.#own.length;
    const locked = new Set(this.#own.map(({ json }) => json));
    return images.some((image) => !locked.has(image));
  }

  /** True if the statement has not changed all the rows that we locked. */
  #sparedRows({ images, affected }: Answered): boolean {
    if (!images) return affected !== this.#ownIds.size;
    const changed = new Set(images);
    return this.#own.some(({ json }) => !changed.has(json));
  }

  /** Rows as they are now, by the id that they had. */
  async #readAgain(ask: Ask, which: (deleted: boolean) => boolean): Promise<Map<string, string>> {
    const images = new Map<string, string>();
    const byTable = new Map<TableFacts, LockedRow[]>();
    for (const { facts, row, deleted } of this.#reached.values()) {
      if (!which(deleted) || facts.key.length === 0) continue;
      const rows = byTable.get(facts);
      if (rows) rows.push(row);
      else byTable.set(facts, [row]);
    }
    for (const [facts, rows] of byTable) {
      const ids = new Map(rows.map((row) => [keyOf(facts, row), row.id]));
      const values = facts.key.map(({ column }) => rows.map(({ columns }) => columns.get(column) ?? null));
      for (const found of await ask(readByKey(facts), values)) {
        const row = lockedRow(facts, found);
        const id = ids.get(keyOf(facts, row));
        if (id !== undefined) images.set(id, row.json);
      }
    }
    return images;
  }
}

function unseenRows(table: TableFacts["table"], answered: Answered): ManyRowsChange {
  const { context } = answered;
  const { statement } = answered.plan;
  const told = { statement, parameters: answered.parameters() };
  return { op: "statement", table, before: null, after: null, rowCount: null, ...told, context };
}

/* SQL of this walk. Every row is read in the same form: id, image, and the columns that may be asked for. */

function columnsOf(facts: TableFacts): string[] {
  const keys = facts.key.map(({ column }) => column);
  return [...new Set([...keys, ...facts.inbound.flatMap(({ refers }) => refers)])];
}

/** The SELECT list that `lockedRow` reads. */
export function lockList(facts: TableFacts, reference: string): string {
  const columns = columnsOf(facts).map((column) => `${reference}.${quoted(column)}::pg_catalog.text`);
  const id = `pg_catalog.concat(${reference}.tableoid, ' ', ${reference}.ctid)`;
  return [id, `pg_catalog.row_to_json(${reference}.*)::pg_catalog.text`, ...columns].join(", ");
}

function lockedRow(facts: TableFacts, [id, json, ...values]: readonly (string | null)[]): LockedRow {
  const columns = new Map(columnsOf(facts).map((column, index) => [column, values[index] ?? null]));
  return { id: id ?? "", json: json ?? "{}", columns };
}

const CHILD = quoted("child");

/** As foreign keys do it: `ONLY` the child, but all partitions of a partitioned one. */
function childRelation(facts: TableFacts): string {
  return `${facts.partitioned ? "" : "ONLY "}${quotedTable(facts.ref)} AS ${CHILD}`;
}

function lockReferring(parent: TableFacts, child: TableFacts, key: InboundKey, effect: Effect): string {
  const matches = key.columns.map(
    (column, index) =>
      `given.${quoted(`v${index}`)}::${parent.sqlTypes[key.refers[index]!]} ${key.equals[index]} ${CHILD}.${quoted(column)}`,
  );
  const changesKey = effect.kind === "delete" || effect.changed.some((column) => child.unique.has(column));
  const lock = changesKey ? "FOR UPDATE" : "FOR NO KEY UPDATE";
  return (
    `SELECT ${lockList(child, CHILD)} FROM ${childRelation(child)} ` +
    `WHERE EXISTS (SELECT 1 FROM ${given(key.columns.length)} WHERE ${matches.join(" AND ")}) ${lock} OF ${CHILD}`
  );
}

function referredValues(key: InboundKey, rows: readonly LockedRow[]): unknown[] {
  return key.refers.map((column) => rows.map(({ columns }) => columns.get(column) ?? null));
}

function readByKey(facts: TableFacts): string {
  const matches = facts.key.map(
    ({ column, equals }, index) =>
      `${CHILD}.${quoted(column)} ${equals} given.${quoted(`v${index}`)}::${facts.sqlTypes[column]}`,
  );
  return (
    `SELECT ${lockList(facts, CHILD)} FROM ${childRelation(facts)} ` +
    `WHERE EXISTS (SELECT 1 FROM ${given(facts.key.length)} WHERE ${matches.join(" AND ")})`
  );
}

/** Rows of values as a table: one array a column. */
function given(columns: number): string {
  const numbers = Array.from({ length: columns }, (_, index) => index);
  const arrays = numbers.map((index) => `pg_catalog.unnest($${index + 1}::pg_catalog.text[])`);
  const names = numbers.map((index) => quoted(`v${index}`));
  return `ROWS FROM (${arrays.join(", ")}) AS given(${names.join(", ")})`;
}

function keyOf({ key }: TableFacts, { columns }: LockedRow): string {
  return JSON.stringify(key.map(({ column }) => columns.get(column)));
}
