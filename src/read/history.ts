/**
 * What became of one row: its versions, and how it was at a moment.
 *
 * @module
 */
import type { CrudRecord, FieldChange, RowImage, TrailRecord } from "../record/types.js";
import type { TrailFile } from "./files.js";
import { needleOf, type Matcher } from "./filter.js";
import { readInOrder, type LogRecord, type ReadOptions } from "./records.js";

/** Properties that differ, by name. */
export type Changes = Record<string, FieldChange>;

/** One record of a row, beside what was known of the row before it. */
export interface Version {
  /** The record itself. */
  readonly record: CrudRecord;
  /** What the record says that changed. */
  readonly changes: Changes;
  /**
   * Where the row before this record is not the row after the one before: what changed between them without a
   * record that names this row.
   */
  readonly unrecorded: Changes;
  /** The row before it; `null` where there was none with this key, `undefined` where the record does not say. */
  readonly before: RowImage | null | undefined;
  /** The row after it; `null` where it is gone, `undefined` where the record does not say. */
  readonly after: RowImage | null | undefined;
}

const NOT_ROWS = new Set(["READ", "LINK", "UNLINK", "STATEMENT"]);
/** Of the row's own columns nothing is changed by these. */
const NO_CHANGES = new Set(["READ", "LINK", "UNLINK"]);
const GONE = new Set(["DELETE", "TRUNCATE"]);

/** What a trail says of one row. */
export interface RowStory {
  /** In the order of time: the row's own records, and those of many rows that may have changed it. */
  readonly versions: readonly Version[];
  /** `GAP` records of the logs that the row's records are in: what was lost may have been one of these. */
  readonly gaps: readonly TrailRecord[];
}

/** @param id - as `instance_id` has it; of a composite key, a JSON object with its properties in any order */
export async function rowStory(
  files: readonly TrailFile[],
  model: string,
  id: string,
  options: Omit<ReadOptions, "filter" | "match"> & { reads?: boolean } = {},
): Promise<RowStory> {
  const match = ofRow(model, id);
  const found: CrudRecord[][] = [];
  const gaps: TrailRecord[] = [];
  for (const log of new Set(files.map((file) => file.log))) {
    const ofLog: LogRecord[] = [];
    const own = files.filter((file) => file.log === log);
    for await (const record of readInOrder(own, { ...options, match })) ofLog.push(record);
    const rows = ofLog.filter(({ name }) => name === "audit.crud") as CrudRecord[];
    if (rows.length === 0) continue;
    found.push(rows);
    gaps.push(...(ofLog.filter(({ name }) => name === "audit.trail") as TrailRecord[]));
  }
  const versions: Version[] = [];
  let known: RowImage | null | undefined;
  for (const record of merged(found)) {
    if (record.event_type === "READ" && !options.reads) continue;
    const version = versionOf(record, canonical(id), known);
    if (version.after !== undefined) known = version.after;
    versions.push(version);
  }
  return { versions, gaps };
}

/** By time. Those of one log stay as they stand there, in which processes can be some milliseconds apart. */
function merged(logs: readonly CrudRecord[][]): readonly CrudRecord[] {
  if (logs.length === 1) return logs[0]!;
  return logs.flat().toSorted((a, b) => (a.timestamp < b.timestamp ? -1 : a.timestamp > b.timestamp ? 1 : 0));
}

/** How a row was, and how that is known. */
export interface RowAt {
  /** `undefined`: no record says. */
  readonly row: RowImage | null | undefined;
  /** The record that it is known from: the last one before the moment, or the first one after it. */
  readonly record: CrudRecord | undefined;
  /** What that record is to the moment. */
  readonly basis: "the record before" | "the record after" | "no record";
  /**
   * What between `record` and the moment may have changed the row: records of many rows, those of the row of which it is not
   * known whether they came about, and `GAP` records, of which a lost one may have been of this row.
   */
  readonly doubts: readonly (CrudRecord | TrailRecord)[];
}

/** @param at - as `timestamp` has it; what happened at this very moment counts */
export function rowAsOf({ versions, gaps }: RowStory, at: string): RowAt {
  const before = versions.filter(({ record }) => record.timestamp <= at);
  const last = before.findLastIndex(({ record, after }) => after !== undefined && isCertain(record));
  if (last >= 0) {
    const { record, after } = before[last]!;
    const doubts = [...changing(before.slice(last + 1)), ...lostWithin(gaps, record.timestamp, at)];
    return { row: after, record, basis: "the record before", doubts };
  }
  const later = versions.filter(({ record }) => record.timestamp > at);
  const first = later.findIndex(({ record }) => isOfOneRow(record));
  if (first < 0) return { row: undefined, record: undefined, basis: "no record", doubts: changing(before) };
  const { record, before: row } = later[first]!;
  const doubts = [...changing(later.slice(0, first)), ...lostWithin(gaps, at, record.timestamp)];
  return { row, record, basis: "the record after", doubts };
}

/** Whether what it tells came about. */
function isCertain({ outcome }: CrudRecord): boolean {
  return outcome !== "unknown" && outcome !== "failure";
}

function changing(versions: readonly Version[]): CrudRecord[] {
  return versions.flatMap(({ record }) => (NO_CHANGES.has(record.event_type) ? [] : [record]));
}

/** What a `GAP` tells of was lost from `details.from` to `details.to`; it is written when there is room again. */
function lostWithin(gaps: readonly TrailRecord[], begin: string, end: string): TrailRecord[] {
  return gaps.filter(({ timestamp, details }) => {
    const { from, to } = (details ?? {}) as Record<string, unknown>;
    return (
      (typeof to === "string" ? to : timestamp) >= begin &&
      (typeof from === "string" ? from : timestamp) <= end
    );
  });
}

function isOfOneRow({ instance_id, event_type }: CrudRecord): boolean {
  return instance_id !== null && !NOT_ROWS.has(event_type);
}

/** @param id - canonical */
function versionOf(record: CrudRecord, id: string, known: RowImage | null | undefined): Version {
  const own = isOfOneRow(record);
  const was = own && typeof record.instance_id === "string" ? keyBefore(record) : undefined;
  // Of an UPDATE that gave the row another key: under the old one the row is gone, under the new one there was none.
  const gone = was !== undefined && canonical(was) === id && canonical(record.instance_id!) !== id;
  const before = was !== undefined && !gone ? null : own ? rowBefore(record) : undefined;
  return {
    record,
    changes: own ? changesOf(record, before) : {},
    unrecorded: before !== undefined && known !== undefined ? differences(known, before) : {},
    before,
    after: gone ? null : rowAfter(record),
  };
}

/** The key that the row had before, where the record changed it; of a key of one column it does not say which that is. */
function keyBefore({ instance_id, instance_repr, changed_fields }: CrudRecord): string | undefined {
  const changed = said(changed_fields);
  const key = objectOf(instance_id!);
  if (key) {
    const from = Object.entries(changed).flatMap(([field, change]) =>
      Object.hasOwn(key, field) ? [[field, change.from]] : [],
    );
    return from.length > 0 ? JSON.stringify({ ...key, ...Object.fromEntries(from) }) : undefined;
  }
  const stayed = Object.entries(instance_repr ?? {}).some(
    ([field, value]) => !Object.hasOwn(changed, field) && keyText(value) === instance_id,
  );
  const [moved, another] = Object.values(changed).filter(({ to }) => keyText(to) === instance_id);
  return moved && !another && !stayed ? keyText(moved.from) : undefined;
}

/** As `instance_id` has the value of a key. */
function keyText(value: unknown): string {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function rowAfter({ event_type, instance_id, instance_repr }: CrudRecord): RowImage | null | undefined {
  if (GONE.has(event_type) && (instance_id !== null || event_type === "TRUNCATE")) return null;
  if (instance_id === null || NOT_ROWS.has(event_type)) return undefined;
  return instance_repr ?? undefined;
}

/** The row before the record; `null` where there was none, `undefined` where the record does not say. */
export function rowBefore({
  event_type,
  instance_repr,
  changed_fields,
}: CrudRecord): RowImage | null | undefined {
  if (event_type === "CREATE") return null;
  if (!instance_repr) return undefined;
  if (event_type === "DELETE") return instance_repr;
  const from = Object.entries(said(changed_fields)).map(([field, change]) => [field, change.from]);
  return { ...instance_repr, ...Object.fromEntries(from) };
}

function changesOf(record: CrudRecord, before: RowImage | null | undefined): Changes {
  const { event_type, instance_repr, changed_fields } = record;
  if (event_type === "CREATE") return differences(null, instance_repr ?? {});
  if (event_type === "DELETE") return differences(before ?? {}, null);
  return said(changed_fields);
}

/** The changes that a record names, whatever else stands in their place. */
function said(changes: Changes | undefined): Changes {
  const pairs = Object.entries(changes ?? {}) as [string, Changes[string] | null][];
  return Object.fromEntries(pairs.map(([field, change]) => [field, { from: change?.from, to: change?.to }]));
}

/** Field by field; a row that is not there has no fields. */
export function differences(from: RowImage | null, to: RowImage | null): Changes {
  const fields = new Set([...Object.keys(from ?? {}), ...Object.keys(to ?? {})]);
  const changed = [...fields].filter(
    (field) => JSON.stringify(from?.[field]) !== JSON.stringify(to?.[field]),
  );
  return Object.fromEntries(changed.map((field) => [field, { from: from?.[field], to: to?.[field] }]));
}

const GAP = Buffer.from('"event_type":"GAP"');

/** Records of the row, those of many rows of its model that name it or do not name all of theirs, and gaps. */
function ofRow(model: string, id: string): Matcher {
  const wanted = canonical(id);
  const needles = needleOf(model);
  const idNeedle = id.startsWith("{") ? [] : needleOf(id);
  const nobody = Buffer.from('"instance_id":null');
  return {
    mayHold: (line) =>
      (needles.every((needle) => line.includes(needle)) &&
        (idNeedle.every((needle) => line.includes(needle)) || line.includes(nobody))) ||
      line.includes(GAP),
    test: (record) => {
      if (record.name === "audit.trail") return (record as TrailRecord).event_type === "GAP";
      if (record.name !== "audit.crud") return false;
      const { model: of, instance_id, instance_ids, row_count } = record as CrudRecord;
      if (of !== model) return false;
      if (typeof instance_id === "string") {
        if (canonical(instance_id) === wanted) return true;
        const was = keyBefore(record as CrudRecord);
        return was !== undefined && canonical(was) === wanted;
      }
      if (!Array.isArray(instance_ids)) return true;
      return (
        typeof row_count !== "number" ||
        instance_ids.length < row_count ||
        instance_ids.some((one) => typeof one === "string" && canonical(one) === wanted)
      );
    },
  };
}

/** Of a composite key, the same text for any order of its properties. */
function canonical(id: string): string {
  const key = objectOf(id);
  return key ? JSON.stringify(Object.entries(key).toSorted(([a], [b]) => (a < b ? -1 : 1))) : id;
}

/** The properties of a composite key. */
function objectOf(id: string): Record<string, unknown> | undefined {
  if (!id.startsWith("{")) return undefined;
  try {
    return JSON.parse(id) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
