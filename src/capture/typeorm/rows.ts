/**
 * Row changes in the database's terms → row events in the application's.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { fault, guarded } from "../../health.js";
import type { RowEventType, RowImage } from "../../record/types.js";
import type { RowEvent } from "../event.js";
import { idText, toImage, type Model } from "./entity.js";
import {
  isManyRows,
  type ColumnImage,
  type ManyRowsChange,
  type OneRowChange,
  type RowChange,
  type RowOutcome,
  type RowsRead,
  type TableName,
} from "./family.js";
import { modelOf, type Link, type TableDescription, type Tables } from "./tables.js";

/** Where the clock and new ids come from. */
export interface Surroundings {
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** UUIDv7. */
  readonly newTransactionId: () => string;
}

/** How many primary keys stand on a record that is of many rows. */
const MAX_IDS = 100;

type RowEventBase = Pick<RowEvent, "kind" | "at" | "context" | "transactionId" | "outcome">;

/** The events of one committed (or doubtful) transaction, in order. A fault of ours costs one event, not all. */
export function rowEvents(
  changes: readonly RowChange[],
  outcome: RowOutcome,
  tables: Tables,
  { now, newTransactionId }: Surroundings,
): RowEvent[] {
  const at = now();
  const transactionId = newTransactionId();
  const events: RowEvent[] = [];
  for (const change of changes) {
    if (change.context?.muted || !isInScope(change, tables)) continue;
    const base: RowEventBase = { kind: "row", at, context: change.context, transactionId, outcome };
    try {
      for (const event of eventsOf(change, base, tables)) events.push(event);
    } catch (error) {
      fault("capture.rows", error);
    }
  }
  return events;
}

/** A statement that could not be taken apart may name tables that we do not record; it is told anyway. */
function isInScope(change: RowChange, tables: Tables): boolean {
  return tables.includes(change.table) || (change.op === "statement" && change.verb === undefined);
}

function eventsOf(change: RowChange, base: RowEventBase, tables: Tables): RowEvent[] {
  const table = tables.describe(change.table, isManyRows(change) ? [] : change.primary);
  if (isManyRows(change)) return [manyRows(change, table, base, tables)];
  const before = tables.spelled(table, change.before);
  const after = tables.spelled(table, change.after);
  const spelled =
    before === change.before && after === change.after
      ? change
      : ({ ...change, before, after } as OneRowChange);
  return [...oneRow(spelled, table, base), ...links(spelled, table, base)];
}

function oneRow(change: OneRowChange, table: TableDescription, base: RowEventBase): RowEvent[] {
  const row = change.after ?? change.before;
  const model = modelOf(table, row);
  const before = change.before && toImage(model, change.before, change.after);
  const after = change.after && toImage(model, change.after, change.before);
  const image = (after ?? before)!;
  // Written out: behind a spread V8 adds each further property the slow way, which cost more than the images.
  return [
    {
      kind: base.kind,
      at: base.at,
      context: base.context,
      transactionId: base.transactionId,
      outcome: base.outcome,
      type: typeOf(change, model),
      model: model.name,
      table: tableText(change.table),
      id: idText(model, row),
      before,
      after,
      rules: model.rules,
      label: labelOf(model, image),
    },
  ];
}

function typeOf({ op, before, after }: OneRowChange, { deleteColumn }: Model): RowEventType {
  if (op === "insert") return "CREATE";
  if (op === "delete") return "DELETE";
  if (deleteColumn === null) return "UPDATE";
  const was = (before[deleteColumn] ?? null) !== null;
  const is = (after[deleteColumn] ?? null) !== null;
  if (was === is) return "UPDATE";
  return is ? "SOFT_DELETE" : "RESTORE";
}

function labelOf({ options }: Model, image: RowImage): string | null {
  const label = options?.label;
  if (!label) return null;
  const text: unknown = guarded("capture.label", () => label(image));
  return typeof text === "string" ? text : null;
}

/** A row of a join table, told once more on the entity that owns the relation. */
function links(change: OneRowChange, { link }: TableDescription, base: RowEventBase): RowEvent[] {
  if (!link || isSameLink(change, link)) return [];
  const told: RowEvent[] = [];
  if (change.before) told.push(linkEvent("UNLINK", change.before, link, base));
  if (change.after) told.push(linkEvent("LINK", change.after, link, base));
  return told;
}

/** What else stands in a row of the join table is no matter of the relation's. */
function isSameLink({ before, after }: OneRowChange, { ownerColumns, targetColumns }: Link): boolean {
  if (!before || !after) return false;
  return [...ownerColumns, ...targetColumns].every(({ column }) =>
    isDeepStrictEqual(before[column], after[column]),
  );
}

function linkEvent(type: "LINK" | "UNLINK", row: ColumnImage, link: Link, base: RowEventBase): RowEvent {
  const owner = pointedTo(row, link.ownerColumns);
  const image: RowImage = { [link.property]: toImage(link.target, pointedTo(row, link.targetColumns), null) };
  return {
    ...base,
    type,
    model: link.owner.name,
    table: tableText(link.ownerTable),
    id: idText(link.owner, owner),
    before: type === "UNLINK" ? image : null,
    after: type === "LINK" ? image : null,
    rules: link.owner.rules,
    label: null,
  };
}

function pointedTo(row: ColumnImage, references: Link["ownerColumns"]): ColumnImage {
  return Object.fromEntries(references.map(({ column, referenced }) => [referenced, row[column]]));
}

const manyTypes = { insert: "CREATE", update: "UPDATE", delete: "DELETE" } as const;

function manyRows(
  change: ManyRowsChange,
  table: TableDescription,
  base: RowEventBase,
  tables: Tables,
): RowEvent {
  const { op, verb, rowCount, statement, parameters = [], first } = change;
  const [model] = table.models;
  return {
    ...base,
    type: op === "truncate" ? "TRUNCATE" : verb ? manyTypes[verb] : "STATEMENT",
    model: model!.name,
    table: tableText(change.table),
    id: null,
    before: null,
    after: null,
    rules: model!.rules,
    label: null,
    ...(rowCount === null ? {} : { rowCount }),
    ...(statement === null ? {} : { statement }),
    ...(parameters.length === 0
      ? {}
      : { parameters: parameters.map(({ value, columns }) => ({ value, hidden: tables.hides(columns) })) }),
    ...(first ? { ids: first.flatMap((one) => idOf(tables.spelled(table, one), table) ?? []) } : {}),
  };
}

const idOf = (row: ColumnImage, table: TableDescription): string | null => idText(modelOf(table, row), row);

/** The event of one query that read rows. */
export function readEvent(read: RowsRead, tables: Tables, now: () => number): RowEvent {
  const { models } = tables.describe(read.table);
  const model = models.find(({ target }) => target !== undefined && target === read.target) ?? models[0]!;
  return {
    kind: "row",
    at: now(),
    context: read.context,
    type: "READ",
    model: model.name,
    table: tableText(read.table),
    id: null,
    before: null,
    after: null,
    rules: model.rules,
    label: null,
    transactionId: null,
    outcome: "success",
    rowCount: read.rowCount,
    ids: read.ids.slice(0, MAX_IDS).flatMap((row) => idText(model, row) ?? []),
  };
}

function tableText({ schema, name }: TableName): string {
  return schema === null ? name : `${schema}.${name}`;
}
