/**
 * Compares what was recorded with what the database's own triggers saw.
 */
import type { DataSource } from "typeorm";
import type { RowEvent } from "#dist/capture/event";
import type { TrueRow } from "./operation.js";

type Column = DataSource["entityMetadatas"][number]["columns"][number];

/** One row change in a form in which both sides can be compared. */
export interface ComparedRow {
  readonly op: string;
  readonly table: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

const ops: Record<string, string> = {
  CREATE: "insert",
  UPDATE: "update",
  SOFT_DELETE: "update",
  RESTORE: "update",
  DELETE: "delete",
  TRUNCATE: "truncate",
};

/**
 * The recorded rows, back in the columns of the database. LINK and UNLINK repeat a row, and are left out; so are
 * updates that changed nothing, of which not every family keeps silent, and of which no record is made.
 */
export function recordedRows(events: readonly RowEvent[], dataSource: DataSource): ComparedRow[] {
  return events
    .filter(({ type }) => type in ops)
    .map(({ type, table, before, after }) => {
      const columns = columnsOf(dataSource, table);
      return {
        op: ops[type]!,
        table,
        before: before && fromImage(before, columns),
        after: after && fromImage(after, columns),
      };
    })
    .filter(hasChanged);
}

const hasChanged = ({ op, before, after }: ComparedRow): boolean =>
  op !== "update" || JSON.stringify(before) !== JSON.stringify(after);

/** The true rows, without updates that changed nothing, for which there is no record. */
export function trueRows(rows: readonly TrueRow[], dataSource: DataSource): ComparedRow[] {
  return rows
    .map(({ op, table, before, after }) => {
      const columns = columnsOf(dataSource, table);
      const image = (row: TrueRow["before"]): Record<string, unknown> | null =>
        row &&
        Object.fromEntries(
          Object.entries(row)
            .map(([name, value]) => [name, comparable(value, columns.get(name))] as const)
            .filter(([name, value]) => value !== null || !isAlien(dataSource, table, name, row)),
        );
      return { op, table, before: image(before), after: image(after) };
    })
    .filter(hasChanged);
}

/** A column of another class of the same inheritance, which is NULL in this row and stands in no record. */
function isAlien(dataSource: DataSource, table: string, name: string, row: object): boolean {
  const models = dataSource.entityMetadatas.filter((one) => one.tableName === table);
  if (models.length < 2) return false;
  const { type } = row as { type?: string };
  const model = models.find((one) => one.discriminatorValue === type);
  return model !== undefined && !model.columns.some((column) => column.databaseName === name);
}

function columnsOf(dataSource: DataSource, table: string): Map<string, Column> {
  const columns = dataSource.entityMetadatas
    .filter((one) => one.tableName === table)
    .flatMap((one) => one.columns);
  return new Map(columns.map((column) => [column.databaseName, column]));
}

function fromImage(image: Record<string, unknown>, columns: Map<string, Column>): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  const taken = new Set<string>();
  for (const [name, column] of columns) {
    const parents = column.embeddedMetadata?.parentPropertyNames ?? [];
    const path = [...parents, column.isVirtual ? name : column.propertyName];
    const holder = path.slice(0, -1).reduce<any>((at, part) => at?.[part], image);
    if (!holder || !Object.hasOwn(holder, path.at(-1)!)) continue;
    row[name] = comparable(holder[path.at(-1)!], column);
    taken.add(path[0]!);
  }
  for (const [name, value] of Object.entries(image)) {
    if (!taken.has(name)) row[name] = comparable(value, columns.get(name));
  }
  return row;
}

/** One form for a value however it is told; no digit is dropped on the way. */
function comparable(value: unknown, column: Column | undefined): unknown {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString("hex")}`;
  const type = column?.type;
  if (type === "simple-json" || type === "json" || type === "jsonb") {
    return JSON.stringify(typeof value === "string" ? parsed(value) : value);
  }
  if (type === "simple-array") return Array.isArray(value) ? value.join(",") : value;
  if (type === Boolean || type === "boolean" || type === "bool") return Boolean(Number(value));
  if (type === Date || /^(?:datetime|timestamp)/.test(String(type))) return moment(String(value));
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Digits only: the two sides differ in the letter between date and time, and in how they say UTC. */
function moment(text: string): string {
  return text.replace(/[T ]/, " ").replace(/(?:Z|\+00(?::?00)?)$/, "");
}

export function sorted(rows: readonly ComparedRow[]): ComparedRow[] {
  return rows.toSorted((a, b) => (keyed(a) < keyed(b) ? -1 : 1));
}

/** Columns in one order, since the two sides list them in their own. */
export function keyed({ op, table, before, after }: ComparedRow): string {
  return JSON.stringify([op, table, ordered(before), ordered(after)]);
}

function ordered(row: Record<string, unknown> | null): unknown {
  return row && Object.entries(row).toSorted(([a], [b]) => (a < b ? -1 : 1));
}

/** The truth's own table is no business of the comparison. */
export const isApplications = ({ table }: { readonly table: string }): boolean => !table.startsWith("truth");
