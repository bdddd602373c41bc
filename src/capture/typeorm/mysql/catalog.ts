/**
 * What the database says of a table: columns, keys, foreign keys that reach further, triggers.
 *
 * Read once a table on the connection that first writes to it, and again after the table was changed.
 *
 * @module
 */
import type { TableName } from "../family.js";
import type { TableRef } from "./statement.js";

export interface Column {
  readonly name: string;
  /** `DATA_TYPE`, lower case; `json` also where MariaDB keeps it as checked text. */
  readonly type: string;
  readonly bits: number;
  readonly generated: boolean;
  /** Not among the columns that an INSERT without a list of columns means. */
  readonly invisible: boolean;
  /** `ON UPDATE CURRENT_TIMESTAMP`. */
  readonly onUpdate: boolean;
  readonly autoIncrement: boolean;
}

/** A foreign key of another table that changes its rows when rows of this one go or change their key. */
export interface ChildKey {
  readonly child: TableRef;
  readonly columns: readonly string[];
  readonly referenced: readonly string[];
  readonly onDelete: string;
  readonly onUpdate: string;
}

export interface Table {
  readonly ref: TableRef;
  /** As the shared part knows it: without the default database. */
  readonly name: TableName;
  readonly columns: readonly Column[];
  /** The primary key; empty if there is none. */
  readonly primary: readonly string[];
  /** All unique keys, the primary one among them. */
  readonly uniques: readonly (readonly string[])[];
  readonly children: readonly ChildKey[];
  /** Which BEFORE triggers may change a row on its way. */
  readonly before: { readonly insert: boolean; readonly update: boolean };
  /** False for engines that keep what a ROLLBACK should undo. */
  readonly transactional: boolean;
  /** For a view: the tables that it reads. */
  readonly base: readonly TableRef[] | null;
}

/** Runs a query of ours; gives text, by column. */
export type Ask = (sql: string) => Promise<readonly (readonly (string | null)[])[]>;

/** The tables of one DataSource. */
export class Catalog {
  readonly #defaultDatabase: string | null;
  readonly #tables = new Map<string, Table>();
  /** By the name in lower case, as the application spells it. */
  readonly #spelled: ReadonlyMap<string, string>;
  #folds = false;
  /** How often all was forgotten. */
  #forgotten = 0;

  /** `names` are the tables and databases that the application knows. */
  constructor(defaultDatabase: string | null, names: readonly string[]) {
    this.#defaultDatabase = defaultDatabase;
    this.#spelled = new Map(names.map((name) => [name.toLowerCase(), name]));
  }

  /** From now on names that differ in case only are the same, as under `lower_case_table_names`. */
  foldNames(): void {
    this.#folds = true;
  }

  /** The name that stands for all that the server takes for the same. */
  folded(name: string): string {
    return this.#folds ? name.toLowerCase() : name;
  }

  /** `null` if there is no such table, or it is a temporary one. */
  async table(schema: string, name: string, ask: Ask): Promise<Table | null> {
    const known = this.known({ schema, name });
    if (known !== undefined) return known;
    const ref = { schema: this.folded(schema), name: this.folded(name) };
    const forgotten = this.#forgotten;
    const table = await readTable(ref.schema, ref.name, this.nameOf(ref), ask);
    // What another connection has altered in the meantime is not kept; nor that there is none, for it may be made elsewhere.
    if (table && forgotten === this.#forgotten)
      this.#tables.set(JSON.stringify([ref.schema, ref.name]), table);
    return table;
  }

  /** The same, if it has been read; else `undefined`. */
  known({ schema, name }: TableRef): Table | undefined {
    return this.#tables.get(JSON.stringify([schema && this.folded(schema), this.folded(name)]));
  }

  nameOf({ schema, name }: TableRef): TableName {
    const isDefault = schema === null || this.folded(schema) === this.folded(this.#defaultDatabase ?? "");
    return { schema: isDefault ? null : this.#spelling(schema), name: this.#spelling(name) };
  }

  #spelling(name: string): string {
    return this.#folds ? (this.#spelled.get(name.toLowerCase()) ?? name.toLowerCase()) : name;
  }

  /** After DDL: foreign keys and triggers of other tables may have changed with it. */
  forget(): void {
    this.#forgotten += 1;
    this.#tables.clear();
  }
}

async function readTable(schema: string, name: string, as: TableName, ask: Ask): Promise<Table | null> {
  const at = `TABLE_SCHEMA = ${literal(schema)} AND TABLE_NAME = ${literal(name)}`;
  const [found] = await ask(
    `SELECT t.TABLE_TYPE, IFNULL(e.TRANSACTIONS, 'YES') FROM information_schema.TABLES t LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.${at.replace(" AND ", " AND t.")}`,
  );
  if (!found) return null;
  const columns = await readColumns(at, ask);
  const uniques = await readUniques(at, ask);
  return {
    ref: { schema, name },
    name: as,
    columns,
    primary: uniques.get("PRIMARY") ?? [],
    uniques: [...uniques.values()],
    children: await readChildren(schema, name, ask),
    before: await readTriggers(schema, name, ask),
    transactional: found[1] === "YES",
    base: found[0] === "VIEW" ? await readBase(at, schema, ask) : null,
  };
}

async function readColumns(at: string, ask: Ask): Promise<Column[]> {
  const checked = await readJsonChecks(at, ask);
  const rows = await ask(
    `SELECT COLUMN_NAME, DATA_TYPE, EXTRA, NUMERIC_PRECISION, IFNULL(GENERATION_EXPRESSION, '') FROM information_schema.COLUMNS WHERE ${at} ORDER BY ORDINAL_POSITION`,
  );
  return rows.map(([name, type, extra, precision, expression]) => ({
    name: name!,
    type: checked.has(name!) ? "json" : type!.toLowerCase(),
    bits: Number(precision ?? 0),
    generated: expression !== "" || /(?:virtual|stored|persistent) generated/i.test(extra ?? ""),
    invisible: /\binvisible\b/i.test(extra ?? ""),
    onUpdate: /on update/i.test(extra ?? ""),
    autoIncrement: /auto_increment/i.test(extra ?? ""),
  }));
}

/** MariaDB's JSON is text with a check; MySQL has no such table column, and a type of its own. */
async function readJsonChecks(at: string, ask: Ask): Promise<Set<string>> {
  const names = new Set<string>();
  const where = at.replace("TABLE_SCHEMA", "CONSTRAINT_SCHEMA");
  const rows = await ask(
    `SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS WHERE ${where}`,
  ).catch(() => []);
  for (const [clause] of rows) {
    const name = /^json_valid\(`((?:[^`]|``)+)`\)$/i.exec(clause ?? "")?.[1];
    if (name) names.add(name.replaceAll("``", "`"));
  }
  return names;
}

async function readUniques(at: string, ask: Ask): Promise<Map<string, string[]>> {
  const rows = await ask(
    `SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE ${at} AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX`,
  );
  const uniques = new Map<string, string[]>();
  for (const [index, column] of rows) {
    const columns = uniques.get(index!) ?? [];
    // `null` stands for an expression (MySQL): no value of a column can look it up.
    columns.push(column ?? "");
    uniques.set(index!, columns);
  }
  return uniques;
}

async function readChildren(schema: string, name: string, ask: Ask): Promise<ChildKey[]> {
  const rows = await ask(
    `SELECT k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.COLUMN_NAME, k.REFERENCED_COLUMN_NAME, r.DELETE_RULE, r.UPDATE_RULE FROM information_schema.KEY_COLUMN_USAGE k JOIN information_schema.REFERENTIAL_CONSTRAINTS r ON r.CONSTRAINT_SCHEMA = k.CONSTRAINT_SCHEMA AND r.CONSTRAINT_NAME = k.CONSTRAINT_NAME AND r.TABLE_NAME = k.TABLE_NAME WHERE k.REFERENCED_TABLE_SCHEMA = ${literal(schema)} AND k.REFERENCED_TABLE_NAME = ${literal(name)} ORDER BY k.TABLE_SCHEMA, k.TABLE_NAME, k.CONSTRAINT_NAME, k.ORDINAL_POSITION`,
  );
  const keys = new Map<string, ChildKey & { columns: string[]; referenced: string[] }>();
  for (const [childSchema, child, constraint, column, referenced, onDelete, onUpdate] of rows) {
    const id = JSON.stringify([childSchema, child, constraint]);
    const key = keys.get(id) ?? {
      child: { schema: childSchema!, name: child! },
      columns: [],
      referenced: [],
      onDelete: onDelete!,
      onUpdate: onUpdate!,
    };
    key.columns.push(column!);
    key.referenced.push(referenced!);
    keys.set(id, key);
  }
  return [...keys.values()].filter(({ onDelete, onUpdate }) => acts(onDelete) || acts(onUpdate));
}

/** Whether a rule changes rows, rather than forbids. */
export const acts = (rule: string): boolean => rule === "CASCADE" || rule === "SET NULL";

async function readTriggers(schema: string, name: string, ask: Ask): Promise<Table["before"]> {
  const rows = await ask(
    `SELECT EVENT_MANIPULATION FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = ${literal(schema)} AND EVENT_OBJECT_TABLE = ${literal(name)} AND ACTION_TIMING = 'BEFORE'`,
  );
  const events = new Set(rows.map(([event]) => event));
  return { insert: events.has("INSERT"), update: events.has("UPDATE") };
}

async function readBase(at: string, schema: string, ask: Ask): Promise<TableRef[]> {
  const [row] = await ask(`SELECT VIEW_DEFINITION FROM information_schema.VIEWS WHERE ${at}`);
  const found = (row?.[0] ?? "").matchAll(/(?:from|join|,)\s*\(*(?:`([^`]+)`\.)?`([^`]+)`(?!\s*[.(])/gi);
  return [...found].map(([, database, name]) => ({ schema: database ?? schema, name: name! }));
}

/** A string for a query of ours, under any `sql_mode`. Compared by the rules of the column, as any literal is. */
export const literal = (text: string): string => `_utf8mb4 x'${Buffer.from(text, "utf8").toString("hex")}'`;

/** A name in a query of ours. */
export const quote = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
