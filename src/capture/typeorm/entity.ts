/**
 * What a table is to the application: which entity a row belongs to, what its columns are called there, and
 * what may be written of it. Read once from TypeORM's metadata and from what decorators say.
 *
 * @module
 */
import type { EntityMetadata as OrmMetadata } from "typeorm";
import type { ColumnMetadata } from "typeorm/metadata/ColumnMetadata.js";
import type { EntityMetadata, AuditEntityOptions } from "../../decorate/metadata.js";
import type { RowImage } from "../../record/types.js";
import type { FieldRules } from "../event.js";
import type { ColumnImage } from "./family.js";
import { converter, type Convert } from "./value.js";

/** What decorators say of a class, or `undefined` if it is not audited. */
export type Decorations = (target: Function) => EntityMetadata | undefined;

/** One column of an entity. */
interface Field {
  readonly column: string;
  /** The property and, inside of embedded objects, the way to it. */
  readonly path: readonly string[];
  readonly convert: Convert;
}

/** One entity of a table; single-table inheritance has several. */
export interface Model {
  readonly name: string;
  readonly target: Function | undefined;
  readonly options: AuditEntityOptions | undefined;
  readonly rules: FieldRules;
  readonly fields: readonly Field[];
  readonly primary: readonly Field[];
  readonly deleteColumn: string | null;
  /** Set only where the discriminator decides. */
  readonly discriminator: { readonly column: string; readonly value: string } | null;
  readonly columns: ReadonlySet<string>;
  /** The columns, in lower case, whose values are not written as they are. */
  readonly hidden: ReadonlyMap<string, "redact" | "mask">;
}

export const NO_RULES: FieldRules = {
  redact: new Set(),
  mask: new Set(),
  exclude: new Set(),
  include: null,
};

/** Describes one entity. `zoneless`: what a moment without zone means in this database. */
export function describeModel(
  metadata: OrmMetadata,
  decorations: Decorations,
  zoneless: "utc" | "keep",
): Model {
  const target = typeof metadata.target === "function" ? metadata.target : undefined;
  const audit = target && decorations(target);
  const hidden = new HiddenColumns(decorations);
  const columns = metadata.columns.filter((column) => !column.isVirtualProperty);
  const fields = columns
    .filter((column) => !hidden.leavesOut(column))
    .map((column) => ({
      column: column.databaseName,
      path: propertyPath(column),
      convert: converter(column, zoneless),
    }));
  const primary = new Set(metadata.primaryColumns.map((column) => column.databaseName));
  const { discriminatorColumn, discriminatorValue } = metadata;
  const rules = fieldRules(columns, audit, hidden);
  return {
    name: audit?.options.model ?? metadata.name,
    target,
    options: audit?.options,
    rules,
    fields,
    primary: fields.filter((field) => primary.has(field.column)),
    deleteColumn: metadata.deleteDateColumn?.databaseName ?? null,
    discriminator:
      discriminatorColumn && discriminatorValue !== undefined
        ? { column: discriminatorColumn.databaseName, value: String(discriminatorValue) }
        : null,
    columns: new Set(columns.map((column) => column.databaseName)),
    hidden: hiddenColumns(columns, rules, hidden),
  };
}

/** A table that no entity stands for: its columns are written under their own names. */
export function plainModel(table: string, primary: readonly string[] = []): Model {
  const fields = primary.map((column) => ({ column, path: [column], convert: (value: unknown) => value }));
  return {
    name: table,
    target: undefined,
    options: undefined,
    rules: NO_RULES,
    fields: [],
    primary: fields,
    deleteColumn: null,
    discriminator: null,
    columns: new Set(),
    hidden: new Map(),
  };
}

/**
 * A column that TypeORM made for a relation has no property of its own: it is written under the column's name
 * (`parentId`), inside of the embedded object where it stands.
 */
function propertyPath(column: ColumnMetadata): string[] {
  const parents = column.embeddedMetadata?.parentPropertyNames ?? [];
  return [...parents, column.isVirtual ? column.databaseName : column.propertyName];
}

/** What decorators inside of embedded classes say. Field rules name whole properties, so a part hides them. */
class HiddenColumns {
  readonly #decorations: Decorations;

  constructor(decorations: Decorations) {
    this.#decorations = decorations;
  }

  leavesOut(column: ColumnMetadata): boolean {
    return this.#embedded(column)?.ignored.has(column.propertyName) ?? false;
  }

  hides(column: ColumnMetadata): boolean {
    if (!column.embeddedMetadata) return false;
    return !column.isSelect || (this.#embedded(column)?.masked.has(column.propertyName) ?? false);
  }

  #embedded(column: ColumnMetadata): EntityMetadata | undefined {
    const type = column.embeddedMetadata?.type;
    return typeof type === "function" ? this.#decorations(type) : undefined;
  }
}

function fieldRules(
  columns: readonly ColumnMetadata[],
  audit: EntityMetadata | undefined,
  hidden: HiddenColumns,
): FieldRules {
  const options = audit?.options;
  const mask = new Set<string>([...(options?.mask ?? []), ...(audit?.masked ?? [])]);
  const redact = new Set<string>(options?.redact);
  for (const column of columns) {
    const [property] = propertyPath(column);
    // `select: false` means that the application itself does not load it unasked; a mask is asking.
    if (hidden.hides(column) || (!column.isSelect && !mask.has(property!))) redact.add(property!);
  }
  return {
    mask,
    redact,
    exclude: new Set([...(options?.exclude ?? []), ...(audit?.ignored ?? [])]),
    include: options?.include ? new Set(options.include) : null,
  };
}

function hiddenColumns(
  columns: readonly ColumnMetadata[],
  { redact, mask, exclude, include }: FieldRules,
  hidden: HiddenColumns,
): Map<string, "redact" | "mask"> {
  const found = new Map<string, "redact" | "mask">();
  for (const column of columns) {
    const property = propertyPath(column)[0]!;
    const gone = redact.has(property) || exclude.has(property) || include?.has(property) === false;
    if (gone || hidden.leavesOut(column)) found.set(column.databaseName.toLowerCase(), "redact");
    else if (mask.has(property)) found.set(column.databaseName.toLowerCase(), "mask");
  }
  return found;
}

/** The row in the model's own names and types. A column that the model does not know keeps its own name. */
export function toImage(model: Model, row: ColumnImage, other: ColumnImage | null): RowImage {
  const image: RowImage = {};
  for (const { column, path, convert } of model.fields) {
    if (!Object.hasOwn(row, column)) continue;
    const value = row[column];
    put(image, path, value === null ? null : convert(value));
  }
  for (const column of Object.keys(row)) {
    if (model.columns.has(column)) continue;
    // Single-table inheritance: the columns of the other classes are NULL, and no property of this one.
    const alien = model.discriminator !== null && row[column] === null && (other?.[column] ?? null) === null;
    if (!alien) put(image, [column], row[column]);
  }
  return image;
}

function put(image: RowImage, path: readonly string[], value: unknown): void {
  const [only] = path;
  // Nearly all: no embedded object, nothing to be cut off.
  if (path.length === 1) return void define(image, only!, value);
  let at = image;
  for (const name of path.slice(0, -1)) at = (own(at, name) ?? define(at, name, {})) as RowImage;
  define(at, path.at(-1)!, value);
}

function own(image: RowImage, name: string): unknown {
  return Object.hasOwn(image, name) ? image[name] : undefined;
}

/** Not by assignment: a column may be called `__proto__`. */
function define(image: RowImage, name: string, value: unknown): unknown {
  if (name !== "__proto__") image[name] = value;
  else Object.defineProperty(image, name, { value, enumerable: true, configurable: true, writable: true });
  return value;
}

/** The primary key as text; for a composite key a JSON object of its properties; `null` without one. */
export function idText(model: Model, row: ColumnImage): string | null {
  if (model.primary.length === 0) return null;
  const parts = model.primary.map(({ column, path, convert }) => {
    const value = row[column] ?? null;
    return [path.join("."), value === null ? null : plain(convert(value))] as const;
  });
  const [first] = parts;
  if (parts.length > 1) return JSON.stringify(Object.fromEntries(parts));
  const value = first![1];
  return value === null ? null : typeof value === "object" ? JSON.stringify(value) : String(value);
}

const plain = (value: unknown): unknown =>
  value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
