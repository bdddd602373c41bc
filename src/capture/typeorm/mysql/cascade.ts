/**
 * What foreign keys change along with a row: no trigger fires for it, and no result shows it.
 *
 * The children are locked and read before the statement; what becomes of them follows from the rule.
 *
 * @module
 */
import type { ColumnImage, RowChange } from "../family.js";
import { acts, type ChildKey, type Table } from "./catalog.js";
import { keyText } from "./image.js";
import { keyCondition, lockedRows } from "./keyed.js";
import type { Work } from "./work.js";

/** The changes that deleting these rows makes in other tables, and in this one if it refers to itself. */
export async function cascadeOfDelete(work: Work, rows: readonly ColumnImage[]): Promise<RowChange[]> {
  if (!work.session.settings.keysAct) return [];
  const gone = new Set(rows.map((row) => identity(work.table, row)));
  const changes: Told[] = [];
  await follow(work, work.table, rows, gone, changes);
  // A row that one key sets to NULL and another deletes is gone.
  return changes
    .filter(({ row, change }) => change.op !== "update" || !gone.has(row))
    .map((one) => one.change);
}

interface Told {
  readonly row: string;
  readonly change: RowChange;
}

async function follow(
  work: Work,
  table: Table,
  rows: readonly ColumnImage[],
  gone: Set<string>,
  changes: Told[],
): Promise<void> {
  if (rows.length === 0) return;
  for (const key of table.children) {
    const child = await work.session.table(key.child);
    if (!child || (key.onDelete !== "CASCADE" && key.onDelete !== "SET NULL")) continue;
    const found = await childRows(work, child, key, rows);
    const fresh = found.filter((row) => !gone.has(identity(child, row)));
    if (key.onDelete === "SET NULL") {
      for (const row of fresh) {
        const change = work.updated(
          row,
          withColumns(row, key.columns, () => null),
          child,
        );
        changes.push({ row: identity(child, row), change });
      }
      continue;
    }
    for (const row of fresh) {
      gone.add(identity(child, row));
      changes.push({ row: identity(child, row), change: work.deleted(row, child) });
    }
    await follow(work, child, fresh, gone, changes);
  }
}

/** The foreign keys by which other tables follow a change of these columns. */
export function followers(work: Work, table: Table, columns: Iterable<string>): ChildKey[] {
  if (!work.session.settings.keysAct) return [];
  const changed = new Set([...columns].map((name) => name.toLowerCase()));
  return table.children.filter(
    ({ referenced, onUpdate }) =>
      acts(onUpdate) && referenced.some((name) => changed.has(name.toLowerCase())),
  );
}

/** Tells, from the rows that a statement has changed, what became of those that follow them. */
export type Followed = (changes: readonly RowChange[]) => RowChange[];

/** Children as they were, and theirs. */
interface Generation {
  readonly key: ChildKey;
  readonly child: Table;
  readonly rows: readonly ColumnImage[];
  readonly next: readonly Generation[];
}

/** InnoDB itself goes no further. */
const DEEPEST = 15;

/** Locks and reads what follows a change of the keys of these rows, before it is made. */
export async function cascadeOfUpdate(
  work: Work,
  keys: readonly ChildKey[],
  parents: readonly ColumnImage[],
): Promise<Followed> {
  const generations = await generationsOf(work, keys, parents, 0);
  return (changes) =>
    changes.flatMap((change) => (change.op === "update" ? moved(work, generations, change) : []));
}

async function generationsOf(
  work: Work,
  keys: readonly ChildKey[],
  parents: readonly ColumnImage[],
  depth: number,
): Promise<Generation[]> {
  const found: Generation[] = [];
  if (parents.length === 0 || depth === DEEPEST) return found;
  for (const key of keys) {
    const child = await work.session.table(key.child);
    if (!child) continue;
    const rows = await childRows(work, child, key, parents);
    const next = await generationsOf(work, followers(work, child, key.columns), rows, depth + 1);
    found.push({ key, child, rows, next });
  }
  return found;
}

function moved(
  work: Work,
  generations: readonly Generation[],
  { before, after }: { before: ColumnImage; after: ColumnImage },
): RowChange[] {
  return generations.flatMap(({ key, child, rows, next }) => {
    const was = keyText(key.referenced, before);
    if (was === keyText(key.referenced, after)) return [];
    const value = (index: number): unknown =>
      key.onUpdate === "CASCADE" ? after[key.referenced[index]!] : null;
    return rows
      .filter((row) => keyText(key.columns, row) === was)
      .flatMap((row) => {
        const now = withColumns(row, key.columns, value);
        return [work.updated(row, now, child), ...moved(work, next, { before: row, after: now })];
      });
  });
}

async function childRows(
  work: Work,
  child: Table,
  key: ChildKey,
  parents: readonly ColumnImage[],
): Promise<ColumnImage[]> {
  const keys = parents
    .map((parent) => withColumns({}, key.columns, (index) => parent[key.referenced[index]!]))
    .filter((one) => Object.values(one).every((value) => value !== null));
  const found: ColumnImage[] = [];
  for (const condition of conditionsOf(keys.map((one) => keyCondition(child, key.columns, one)))) {
    for (const row of await lockedRows(work, child, condition)) found.push(row);
  }
  return found;
}

/** Most keys in one query, and the longest text of them, in characters: parents may be any number. */
const MAX_KEYS = 1000;
const MAX_CONDITION = 256 * 1024;

function conditionsOf(keys: readonly string[]): string[] {
  const conditions: string[][] = [];
  let length = 0;
  for (const one of keys) {
    let some = conditions.at(-1);
    if (!some || some.length === MAX_KEYS || length + one.length > MAX_CONDITION) {
      conditions.push((some = []));
      length = 0;
    }
    some.push(one);
    length += one.length;
  }
  return conditions.map((some) => some.join(" OR "));
}

function withColumns(
  row: ColumnImage,
  columns: readonly string[],
  value: (index: number) => unknown,
): ColumnImage {
  return { ...row, ...Object.fromEntries(columns.map((name, index) => [name, value(index)])) };
}

function identity({ name, primary, columns }: Table, row: ColumnImage): string {
  const key = primary.length > 0 ? primary : columns.map((column) => column.name);
  return `${name.schema}.${name.name} ${keyText(key, row)}`;
}
