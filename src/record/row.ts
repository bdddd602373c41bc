/**
 * Row events → `audit.crud` records.
 *
 * @module
 */
import type { FieldRules, RowEvent } from "../capture/event.js";
import { changedFields, hasSecret, hiddenPaths, isHidden, shownImage, type Changes } from "./changes.js";
import { commonFields, type Stamp, withFields } from "./common.js";
import { mask } from "./mask.js";
import { REDACTED } from "./markers.js";
import type { CrudRecord, RowImage } from "./types.js";

/** How many primary keys stand on a record that is of many rows. */
const MAX_IDS = 100;

/** `null` for an UPDATE that changed nothing, or nothing but excluded fields. */
export function buildRow(event: RowEvent, stamp: Stamp): CrudRecord | null {
  const { type, before, after, rules } = event;
  const changes = before && after ? changedFields(before, after, rules) : {};
  if (type === "UPDATE" && before && after && Object.keys(changes).length === 0) return null;

  const row = after ?? before;
  const image = shownImage(row, rules);
  const id = row === null || event.id === null ? event.id : hideKey(event.id, row, rules);
  const record: CrudRecord = withFields(
    commonFields(
      {
        level: "AUDIT",
        name: "audit.crud",
        message: sentence(event, id),
        serviceName: stamp.serviceName,
        recordId: stamp.recordId,
        outcome: event.outcome,
      },
      event,
    ),
    {
      ...redactedByRules(image, changes, event),
      model: event.model,
      table: event.table,
      event_type: type,
      instance_id: id,
      instance_label: row === null || event.label === null ? event.label : hideParts(event.label, row, rules),
      instance_repr: image,
      changed_fields: changes,
      transaction_id: event.transactionId,
    },
  );
  if (event.rowCount !== undefined) record.row_count = event.rowCount;
  if (event.ids !== undefined) record.instance_ids = event.ids.slice(0, MAX_IDS);
  if (event.statement !== undefined) record.statement = event.statement;
  if (event.parameters !== undefined) record.parameters = event.parameters.map(shownParameter);
  return record;
}

function shownParameter({ value, hidden }: NonNullable<RowEvent["parameters"]>[number]): unknown {
  if (hidden === null || !hasSecret(value)) return value;
  return hidden === "redact" ? REDACTED : mask(value);
}

function sentence({ type, model, rowCount }: RowEvent, id: string | null): string {
  if (id !== null) return `${type} event for ${model} (id: ${id})`;
  return rowCount === undefined
    ? `${type} event for ${model}`
    : `${type} event for ${model} (rows: ${rowCount})`;
}

function redactedByRules(
  image: RowImage | null,
  changes: Changes,
  { rules, parameters = [] }: RowEvent,
): { redacted: string[] } | undefined {
  if (rules.redact.size === 0 && rules.mask.size === 0 && parameters.length === 0) return undefined;
  const redacted = [
    ...(image ? hiddenPaths("/instance_repr", image, rules) : []),
    ...Object.keys(changes)
      .filter((field) => isHidden(field, rules))
      .flatMap((field) => hiddenChange(field, changes)),
    ...parameters.flatMap(({ value, hidden }, index) =>
      hidden !== null && hasSecret(value) ? [`/parameters/${index}`] : [],
    ),
  ];
  return redacted.length === 0 ? undefined : { redacted };
}

function hiddenChange(field: string, changes: Changes): string[] {
  const sides = { redact: new Set(["from", "to"]), mask: new Set<string>(), exclude: new Set<string>() };
  return hiddenPaths(`/changed_fields/${field}`, changes[field]!, { ...sides, include: null });
}

/** A key that is itself a hidden field, a session's token for example, must not stand in `instance_id`. */
function hideKey(id: string, row: RowImage, rules: FieldRules): string {
  for (const field of rules.redact) if (asText(row[field]) === id) return REDACTED;
  for (const field of rules.mask) if (asText(row[field]) === id) return String(mask(id));
  return id;
}

/** A label is made by the application from the whole row, hidden fields included. */
function hideParts(label: string, row: RowImage, rules: FieldRules): string {
  let shown = label;
  for (const field of [...rules.redact, ...rules.mask]) {
    const value = asText(row[field]);
    if (value !== null && value.length > 3) {
      shown = shown.replaceAll(value, () => (rules.redact.has(field) ? REDACTED : String(mask(value))));
    }
  }
  return shown;
}

function asText(value: unknown): string | null {
  return typeof value === "string" || typeof value === "number" ? String(value) : null;
}
