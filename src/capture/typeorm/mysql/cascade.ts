/**
 * What foreign keys change along with a row: no trigger fires for it, and no result shows it.
 *
 * The children are locked and read before the statement; what becomes of them follows from the rule.
 *
 * @module
 */
import type { ColumnImage, RowChange } from "../family.js";
import type { ChildKey, Table } from "./catalog.js";
import { keyText } from "./image.js";
import { keyCondition, lockedMatches, lockedRows } from "./keyed.js";
import type { UpdateStatement } from "./statement.js";
import type { Work } from "./work.js";

/** The changes that deleting these rows makes in other tables, and in this one if it refers to itself. */
export async function cascadeOfDelete(work: Work, rows: readonly ColumnImage[]): Promise<RowChange[]> {
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

/**
 * Reads the children of keys that an UPDATE may change. The function given tells, from the changed rows, what
 * became of them.
 */
export async function cascadeOfUpdate(
  work: Work,
  keys: readonly ChildKey[],
  statement: UpdateStatement,
): Promise<(changes: readonly RowChange[]) => RowChange[]> {
  if (keys.length === 0) return () => [];
  const rows = await lockedMatches(work, statement);
  const families: { key: ChildKey; child: Table; rows: ColumnImage[] }[] = [];
  for (const key of keys) {
    const child = await work.session.table(key.child);
    if (child) families.push({ key, child, rows: await childRows(work, child, key, rows) });
  }
  return (changes) =>
    changes.flatMap((change) =>
      change.op === "update" ? families.flatMap((one) => moved(work, one, change)) : [],
    );
}

function moved(
  work: Work,
  { key, child, rows }: { key: ChildKey; child: Table; rows: readonly ColumnImage[] },
  { before, after }: { before: ColumnImage; after: ColumnImage },
): RowChange[] {
  const was = keyText(key.referenced, before);
  if (was === keyText(key.referenced, after)) return [];
  return rows
    .filter((row) => keyText(key.columns, row) === was)
    .map((row) => {
      const value = (index: number): unknown =>
        key.onUpdate === "CASCADE" ? after[key.referenced[index]!] : null;
      return work.updated(row, withColumns(row, key.columns, value), child);
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
  if (keys.length === 0) return [];
  return lockedRows(work, child, keys.map((one) => keyCondition(child, key.columns, one)).join(" OR "));
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
