/**
 * What became of one row: its versions, and how it was at a moment.
 *
 * @module
 */
import type { CrudRecord, FieldChange, RowImage } from "../record/types.js";
import type { TrailFile } from "./files.js";
import { needleOf, type Matcher } from "./filter.js";
import { readInOrder, type ReadOptions } from "./records.js";

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
  /** The row after it; `null` where it is gone, `undefined` where the record does not say. */
  readonly after: RowImage | null | undefined;
}

const NOT_ROWS = new Set(["READ", "LINK", "UNLINK", "STATEMENT"]);
const GONE = new Set(["DELETE", "TRUNCATE"]);

/**
 * The versions of one row, in the order of time: its own records, and those of many rows that may have changed it.
 *
 * @param id - as `instance_id` has it; of a composite key, a JSON object with its properties in any order
 */
export async function rowHistory(
  files: readonly TrailFile[],
  model: string,
  id: string,
  options: Omit<ReadOptions, "filter" | "match"> & { reads?: boolean } = {},
): Promise<Version[]> {
  const versions: Version[] = [];
  let known: RowImage | null | undefined;
  for await (const found of readInOrder(files, { ...options, match: ofRow(model, id) })) {
    const record = found as CrudRecord;
    if (record.event_type === "READ" && !options.reads) continue;
    const version = versionOf(record, known);
    if (version.after !== undefined) known = version.after;
    versions.push(version);
  }
  return versions;
}

/** How a row was, and how that is known. */
export interface RowAt {
  /** `undefined`: no record says. */
  readonly row: RowImage | null | undefined;
  /** The record that it is known from: the last one before the moment, or the first one after it. */
  readonly record: CrudRecord | undefined;
  /** What that record is to the moment. */
  readonly basis: "the record before" | "the record after" | "no record";
  /** Records of many rows between `record` and the moment, which may have changed this one. */
  readonly doubts: readonly CrudRecord[];
}

/** @param at - as `timestamp` has it; what happened at this very moment counts */
export function rowAsOf(versions: readonly Version[], at: string): RowAt {
  const before = versions.filter(({ record }) => record.timestamp <= at);
  const last = before.findLastIndex(({ after }) => after !== undefined);
  const doubts = before.slice(last + 1).flatMap(({ record }) => (isOfMany(record) ? [record] : []));
  if (last >= 0) {
    const { record, after } = before[last]!;
    return { row: after, record, basis: "the record before", doubts };
  }
  const first = versions
    .slice(before.length)
    .find(({ record }) => record.instance_id !== null && !NOT_ROWS.has(record.event_type));
  if (!first) return { row: undefined, record: undefined, basis: "no record", doubts };
  return { row: rowBefore(first.record), record: first.record, basis: "the record after", doubts };
}

function versionOf(record: CrudRecord, known: RowImage | null | undefined): Version {
  const after = rowAfter(record);
  const own = record.instance_id !== null && !NOT_ROWS.has(record.event_type);
  const before = own ? rowBefore(record) : undefined;
  return {
    record,
    changes: own ? changesOf(record, before) : {},
    unrecorded: before !== undefined && known !== undefined ? differences(known, before) : {},
    after,
  };
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

function isOfMany({ instance_id, event_type }: CrudRecord): boolean {
  return instance_id === null && event_type !== "READ";
}

/** Records of the row, and those of many rows of its model that name it, or do not name all of theirs. */
function ofRow(model: string, id: string): Matcher {
  const wanted = canonical(id);
  const needles = needleOf(model);
  const idNeedle = id.startsWith("{") ? [] : needleOf(id);
  const nobody = Buffer.from('"instance_id":null');
  return {
    mayHold: (line) =>
      needles.every((needle) => line.includes(needle)) &&
      (idNeedle.every((needle) => line.includes(needle)) || line.includes(nobody)),
    test: (record) => {
      if (record.name !== "audit.crud") return false;
      const { model: of, instance_id, instance_ids, row_count } = record as CrudRecord;
      if (of !== model) return false;
      if (typeof instance_id === "string") return canonical(instance_id) === wanted;
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
  if (!id.startsWith("{")) return id;
  try {
    return JSON.stringify(Object.entries(JSON.parse(id) as object).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  } catch {
    return id;
  }
}
