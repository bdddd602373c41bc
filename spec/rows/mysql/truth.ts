/**
 * What changed in a database of MariaDB, in truth.
 *
 * It is written by row triggers. They do not fire for rows that a foreign key or TRUNCATE takes along, and
 * they fire for an ON UPDATE timestamp that is never stored. So their rows are replayed on the tables as they were,
 * and what then differs from the tables as they are is put right. The transaction of a row is told by the
 * server's own versioning of the table that the triggers write to.
 */
import type { Connection } from "mysql2/promise";
import type { TrueRow } from "../operations/operation.js";

type Row = Record<string, unknown>;

/** A table as it was when the truth was last told: its rows by key, and the server's number for it. */
interface TableState {
  readonly id: string;
  readonly rows: Map<string, Row>;
}

interface TruthTable {
  readonly name: string;
  readonly primary: readonly string[];
  readonly columns: readonly string[];
}

interface TruthRow {
  readonly seq: number;
  readonly tx: string;
  readonly op: TrueRow["op"];
  readonly tbl: string;
  readonly old: string | null;
  readonly new: string | null;
}

const quoted = (name: string): string => `\`${name}\``;

/** A JSON object of the row, all values as text. */
function image(qualifier: string, columns: readonly string[]): string {
  const parts = columns.map(
    (column) => `'${column}', CONVERT(CAST(${qualifier}${quoted(column)} AS CHAR) USING utf8mb4)`,
  );
  return `CONVERT(JSON_OBJECT(${parts.join(", ")}) USING utf8mb4)`;
}

const parsed = (text: string | null): Row | null => (text === null ? null : (JSON.parse(text) as Row));
const asTrue = ({ op, tbl, old, new: now }: TruthRow): TrueRow => ({
  op,
  table: tbl,
  before: parsed(old),
  after: parsed(now),
});

/** The truth of one database. */
export class Truth {
  readonly #admin: Connection;
  readonly #database: string;
  #tables: TruthTable[] = [];
  #was = new Map<string, TableState>();
  #told = 0;

  constructor(admin: Connection, database: string) {
    this.#admin = admin;
    this.#database = database;
  }

  async start(): Promise<void> {
    await this.#admin.query(
      `CREATE TABLE truth (seq int AUTO_INCREMENT PRIMARY KEY, op varchar(10), tbl varchar(64), old longtext, new longtext,
        tx bigint unsigned GENERATED ALWAYS AS ROW START, gone bigint unsigned GENERATED ALWAYS AS ROW END,
        PERIOD FOR SYSTEM_TIME(tx, gone)) WITH SYSTEM VERSIONING`,
    );
    this.#tables = await this.#describe();
    for (const { name, columns } of this.#tables) {
      for (const [op, old, now] of [
        ["insert", "NULL", image("NEW.", columns)],
        ["update", image("OLD.", columns), image("NEW.", columns)],
        ["delete", image("OLD.", columns), "NULL"],
      ]) {
        await this.#admin.query(
          `CREATE TRIGGER truth_${name}_${op} AFTER ${op} ON ${quoted(name)} FOR EACH ROW ` +
            `INSERT INTO truth(op, tbl, old, new) VALUES ('${op}', '${name}', ${old}, ${now})`,
        );
      }
    }
    this.#was = await this.#state();
  }

  /** The changes since the last call; those that no trigger saw stand at the end. */
  async rows(): Promise<TrueRow[]> {
    const rows = (await this.#triggered()).map(asTrue);
    const now = await this.#state();
    for (const { name, primary } of this.#tables) {
      const before = this.#was.get(name)!;
      const after = now.get(name)!;
      if (after.id === before.id) {
        const expected = replay(before.rows, rows, name, primary);
        withdrawUnstored(rows, name, primary, expected, after.rows);
        rows.push(...differences(name, expected, after.rows));
      } else {
        rows.push({ op: "truncate", table: name, before: null, after: null });
      }
    }
    this.#was = now;
    return rows;
  }

  /** What the triggers saw, one list a transaction. */
  async transactions(): Promise<TrueRow[][]> {
    const found = new Map<string, TrueRow[]>();
    for (const row of await this.#triggered()) {
      const rows = found.get(row.tx) ?? [];
      rows.push(asTrue(row));
      found.set(row.tx, rows);
    }
    this.#was = await this.#state();
    return [...found.values()];
  }

  async #describe(): Promise<TruthTable[]> {
    const [columns] = await this.#admin.query(
      "SELECT TABLE_NAME AS tbl, COLUMN_NAME AS name, COLUMN_KEY AS kind FROM information_schema.COLUMNS " +
        "WHERE TABLE_SCHEMA = ? AND TABLE_NAME <> 'truth' ORDER BY TABLE_NAME, ORDINAL_POSITION",
      [this.#database],
    );
    const all = columns as { tbl: string; name: string; kind: string }[];
    return [...new Set(all.map(({ tbl }) => tbl))].map((name) => {
      const own = all.filter(({ tbl }) => tbl === name);
      const primary = own.filter(({ kind }) => kind === "PRI").map((column) => column.name);
      return { name, primary, columns: own.map((column) => column.name) };
    });
  }

  async #triggered(): Promise<TruthRow[]> {
    const [rows] = await this.#admin.query(
      "SELECT *, CAST(tx AS CHAR) AS tx FROM truth WHERE seq > ? ORDER BY seq",
      [this.#told],
    );
    const found = rows as TruthRow[];
    this.#told = found.at(-1)?.seq ?? this.#told;
    return found;
  }

  async #state(): Promise<Map<string, TableState>> {
    const [ids] = await this.#admin.query(
      "SELECT NAME AS path, TABLE_ID AS id FROM information_schema.INNODB_SYS_TABLES WHERE NAME LIKE ?",
      [`${this.#database}/%`],
    );
    const state = new Map<string, TableState>();
    for (const { path, id } of ids as { path: string; id: number }[]) {
      state.set(path.slice(this.#database.length + 1), { id: String(id), rows: new Map() });
    }
    const selects = this.#tables.map(
      ({ name, columns }) => `SELECT '${name}' AS tbl, ${image("", columns)} AS row FROM ${quoted(name)}`,
    );
    const [rows] = await this.#admin.query(selects.join(" UNION ALL "));
    for (const { tbl, row } of rows as { tbl: string; row: string }[]) {
      const { primary } = this.#tables.find(({ name }) => name === tbl)!;
      const columns = JSON.parse(row) as Row;
      state.get(tbl)!.rows.set(keyOf(columns, primary), columns);
    }
    return state;
  }
}

const keyOf = (row: Readonly<Row>, primary: readonly string[]): string =>
  JSON.stringify(primary.map((name) => row[name]));
const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** The rows of a table as they would be if only that had happened which the triggers saw. */
function replay(
  was: ReadonlyMap<string, Row>,
  changes: readonly TrueRow[],
  table: string,
  primary: readonly string[],
): Map<string, Row> {
  const rows = new Map(was);
  for (const { before, after } of changes.filter((one) => one.table === table)) {
    if (before) rows.delete(keyOf(before, primary));
    if (after) rows.set(keyOf(after, primary), after);
  }
  return rows;
}

/** Takes away the last update of a row where the row is still as it was before it. */
function withdrawUnstored(
  changes: TrueRow[],
  table: string,
  primary: readonly string[],
  expected: Map<string, Row>,
  actual: ReadonlyMap<string, Row>,
): void {
  for (const [key, row] of actual) {
    if (same(expected.get(key), row)) continue;
    const at = changes.findLastIndex(
      (one) => one.table === table && one.op === "update" && keyOf(one.after!, primary) === key,
    );
    if (at < 0 || !same(changes[at]!.before, row)) continue;
    changes.splice(at, 1);
    expected.set(key, row);
  }
}

/** What no trigger saw. */
function differences(
  table: string,
  expected: ReadonlyMap<string, Row>,
  actual: ReadonlyMap<string, Row>,
): TrueRow[] {
  const found: TrueRow[] = [];
  for (const [key, before] of expected) {
    const after = actual.get(key) ?? null;
    if (!same(before, after)) found.push({ op: after ? "update" : "delete", table, before, after });
  }
  for (const [key, after] of actual) {
    if (!expected.has(key)) found.push({ op: "insert", table, before: null, after });
  }
  return found;
}
