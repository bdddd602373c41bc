/**
 * Keeps one statement within its limits: past them, one entry stands for all its rows.
 *
 * @module
 */
import {
  isManyRows,
  type ColumnImage,
  type FamilyLimits,
  type ManyRowsChange,
  type OneRowChange,
  type Parameter,
  type RowChange,
} from "./family.js";

/** What one statement changed. */
export interface StatementChanges {
  readonly changes: readonly RowChange[];
  /** The statement without its values; kept where one entry stands for many rows. */
  readonly statement: string | null;
  /** The values that it was run with; asked for only there. */
  readonly parameters?: () => readonly Parameter[];
  /** The size of its images in bytes, if the family knows it better than by counting. */
  readonly bytes?: number;
}

/** How many rows an entry for many names by their ids. */
export const FIRST_ROWS = 20;

/**
 * The changes of one statement as they are, or, if there are more than `maxRowsPerStatement` or their images
 * need more than `maxImageBytes`, one entry for each table and operation with the count and the first rows.
 */
export function limitStatement(statement: StatementChanges, limits: FamilyLimits): readonly RowChange[] {
  const { changes } = statement;
  const within =
    changes.length <= limits.maxRowsPerStatement &&
    (statement.bytes ?? sizeOf(changes)) <= limits.maxImageBytes;
  return within ? changes : summarise(statement);
}

function summarise({ changes, statement, parameters }: StatementChanges): RowChange[] {
  const given = parameters ? { statement, parameters: parameters() } : { statement };
  const sums = new Map<string, { entry: ManyRowsChange; count: number; first: ColumnImage[] }>();
  const out: RowChange[] = [];
  for (const change of changes) {
    if (isManyRows(change)) {
      out.push(change);
      continue;
    }
    const key = JSON.stringify([change.op, change.table.schema, change.table.name]);
    let sum = sums.get(key);
    if (!sum) {
      sum = { entry: { ...manyRows(change), ...given }, count: 0, first: [] };
      sums.set(key, sum);
    }
    sum.count += 1;
    if (sum.first.length < FIRST_ROWS) sum.first.push(change.after ?? change.before);
  }
  for (const { entry, count, first } of sums.values()) out.push({ ...entry, rowCount: count, first });
  return out;
}

function manyRows({ op: verb, table, context }: OneRowChange): ManyRowsChange {
  return { op: "statement", verb, table, before: null, after: null, rowCount: 0, statement: null, context };
}

/** About how many bytes the images of these changes hold. A string is counted as it lies in memory. */
export function sizeOf(changes: readonly RowChange[]): number {
  let bytes = 0;
  for (const change of changes) {
    bytes += 64 + sizeOfImage(change.before) + sizeOfImage(change.after);
    if (isManyRows(change)) for (const { value } of change.parameters ?? []) bytes += 16 + sizeOfValue(value);
  }
  return bytes;
}

function sizeOfImage(image: ColumnImage | null): number {
  let bytes = 0;
  for (const column in image) bytes += 16 + sizeOfValue(image[column]);
  return bytes;
}

function sizeOfValue(value: unknown): number {
  if (typeof value === "string") return value.length * 2;
  if (value instanceof Uint8Array) return value.byteLength;
  if (typeof value !== "object" || value === null) return 8;
  let bytes = 16;
  for (const item of Object.values(value)) bytes += sizeOfValue(item);
  return bytes;
}
