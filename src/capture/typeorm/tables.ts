/**
 * The tables of a DataSource, by the names that the database uses.
 *
 * @module
 */
import type { DataSource, EntityMetadata as OrmMetadata } from "typeorm";
import { describeModel, plainModel, type Decorations, type Model } from "./entity.js";
import type { ColumnImage, TableName, TableScope } from "./family.js";

/** One side of a many-to-many relation, as its join table holds it. */
export interface Link {
  readonly owner: Model;
  readonly ownerTable: TableName;
  /** The owning entity's property. */
  readonly property: string;
  /** Column of the join table → column of the entity that it points to. */
  readonly ownerColumns: readonly Reference[];
  readonly targetColumns: readonly Reference[];
  readonly target: Model;
}

interface Reference {
  readonly column: string;
  readonly referenced: string;
}

/** What one table is to the application. */
export interface TableDescription {
  readonly name: string;
  readonly models: readonly Model[];
  /** Set for the join table of a many-to-many relation. */
  readonly link: Link | null;
  readonly audited: boolean;
}

/** All tables that the entities of a DataSource stand for. */
export class Tables implements TableScope {
  readonly #all: boolean;
  /** SQLite takes names that differ in case only for the same. */
  readonly #folds: boolean;
  readonly #respelled = new WeakMap<TableDescription, ReadonlyMap<string, string> | null>();
  readonly #byName = new Map<string, TableDescription>();
  readonly #plain = new Map<string, TableDescription>();
  readonly #columns = new Set<string>();
  readonly #hidden = new Map<string, "redact" | "mask">();

  constructor(dataSource: DataSource, decorations: Decorations, which: "decorated" | "all") {
    this.#all = which === "all";
    const sqlite = isSqlite(dataSource);
    this.#folds = sqlite;
    const describe = (metadata: OrmMetadata): Model =>
      describeModel(metadata, decorations, sqlite ? "utc" : "keep");
    const defaults = defaultSchemas(dataSource);
    for (const [path, metadatas] of groupByTable(dataSource)) {
      this.#add(path, describeTable(metadatas, describe, defaults), defaults);
    }
  }

  /** Whether changes of this table are recorded. */
  includes(table: TableName): boolean {
    return this.#all || (this.#find(table)?.audited ?? false);
  }

  /** Whether any table is: if none is, there is nothing to start. */
  get empty(): boolean {
    return !this.#all && ![...this.#byName.values()].some((table) => table.audited);
  }

  /** What the table is; one that no entity stands for is described by its own names. */
  describe(table: TableName, primary: readonly string[] = []): TableDescription {
    const known = this.#find(table);
    if (known) return known;
    const key = JSON.stringify([table.schema, table.name, primary]);
    const name = table.schema === null ? table.name : `${table.schema}.${table.name}`;
    const plain = this.#plain.get(key) ?? {
      name,
      models: [plainModel(name, primary)],
      link: null,
      audited: this.#all,
    };
    this.#plain.set(key, plain);
    return plain;
  }

  /**
   * The row with its columns as the entities spell them. MySQL and SQLite do not tell upper from lower case there, so that a
   * column may have been made under another spelling. Asked once a table: nearly always there is nothing to do.
   */
  spelled<Row extends ColumnImage | null>(table: TableDescription, row: Row): Row {
    if (row === null) return row;
    let spelling = this.#respelled.get(table);
    if (spelling === undefined) this.#respelled.set(table, (spelling = spellingOf(table, row)));
    if (spelling === null) return row;
    const names = spelling;
    return Object.fromEntries(
      Object.entries(row).map(([column, value]) => [names.get(column) ?? column, value]),
    ) as Row;
  }

  /**
   * How the value of a parameter is hidden. By all entities, whatever the table: behind a view or a procedure may be
   * any. What is for a column that is not known may be for a hidden one.
   */
  hides(columns: readonly string[] | null): "redact" | "mask" | null {
    if (this.#hidden.size === 0) return null;
    if (columns === null || columns.some((column) => !this.#columns.has(column))) return "redact";
    const hidden = columns.map((column) => this.#hidden.get(column));
    return hidden.find((how) => how === "redact") ?? hidden.find((how) => how === "mask") ?? null;
  }

  /** The classes of the entities that are recorded. */
  *targets(): Generator<Function> {
    for (const table of this.#byName.values()) {
      for (const { target } of table.models) if (target && table.audited) yield target;
    }
  }

  #find(table: TableName): TableDescription | undefined {
    return this.#byName.get(this.#keyOf(table.schema, table.name));
  }

  #keyOf(schema: string | null, name: string): string {
    const key = JSON.stringify([schema, name]);
    return this.#folds ? key.toLowerCase() : key;
  }

  #add(path: string, table: TableDescription, defaults: ReadonlySet<unknown>): void {
    for (const { columns, hidden } of table.models) {
      for (const column of columns) this.#columns.add(column.toLowerCase());
      for (const [column, how] of hidden) {
        if (this.#hidden.get(column) !== "redact") this.#hidden.set(column, how);
      }
    }
    const schema = schemaOf(path, table.name);
    this.#byName.set(this.#keyOf(schema, table.name), table);
    // Families say `null` for the default schema, whether or not the entity spells it out.
    if (schema !== null && defaults.has(schema)) {
      this.#byName.set(this.#keyOf(null, table.name), table);
    }
  }
}

/** What the row's columns are called by the entities, for those that differ in case only; `null` if none does. */
function spellingOf({ models }: TableDescription, row: ColumnImage): Map<string, string> | null {
  const known = new Set(models.flatMap(({ columns }) => [...columns]));
  const missing = [...known].filter((column) => !Object.hasOwn(row, column));
  const byFolded = new Map(missing.map((column) => [column.toLowerCase(), column]));
  const found = new Map<string, string>();
  for (const column of Object.keys(row)) {
    const spelled = known.has(column) ? undefined : byFolded.get(column.toLowerCase());
    if (spelled !== undefined) found.set(column, spelled);
  }
  return found.size > 0 ? found : null;
}

/** The table of an entity, as the families name it. */
export function tableNameOf(
  { tablePath, tableName }: OrmMetadata,
  defaults: ReadonlySet<unknown>,
): TableName {
  const schema = schemaOf(tablePath, tableName);
  return { schema: defaults.has(schema) ? null : schema, name: tableName };
}

const schemaOf = (path: string, name: string): string | null =>
  path === name ? null : path.slice(0, -name.length - 1);

/** Which of the table's models the row belongs to. */
export function modelOf(table: TableDescription, row: ColumnImage): Model {
  const { models } = table;
  if (models.length === 1) return models[0]!;
  const found = models.find(
    ({ discriminator }) =>
      discriminator !== null && String(row[discriminator.column]) === discriminator.value,
  );
  return found ?? models[0]!;
}

function groupByTable(dataSource: DataSource): Map<string, OrmMetadata[]> {
  const groups = new Map<string, OrmMetadata[]>();
  for (const metadata of dataSource.entityMetadatas) {
    if (metadata.tableType === "view") continue;
    const group = groups.get(metadata.tablePath);
    if (group) group.push(metadata);
    else groups.set(metadata.tablePath, [metadata]);
  }
  return groups;
}

function describeTable(
  metadatas: OrmMetadata[],
  describe: (metadata: OrmMetadata) => Model,
  defaults: ReadonlySet<unknown>,
): TableDescription {
  // The root of an inheritance first: it knows the columns of all, so a row of no known class is written whole.
  const ordered = metadatas.toSorted((a, b) => b.columns.length - a.columns.length);
  const models = ordered.map(describe);
  const [metadata] = ordered;
  const isAudited = (of: OrmMetadata): boolean => describe(of).options !== undefined;
  const parent = metadata!.parentClosureEntityMetadata as OrmMetadata | undefined;
  // The application may have an entity of its own for a join table.
  const junction = metadatas.find(({ isJunction }) => isJunction);
  const link = junction ? linkOf(junction, describe, defaults) : null;
  return {
    name: metadata!.tableName,
    models,
    link,
    audited:
      models.some((model) => model.options !== undefined) ||
      (parent !== undefined && isAudited(parent)) ||
      (link !== null && (link.owner.options !== undefined || link.target.options !== undefined)),
  };
}

function linkOf(
  junction: OrmMetadata,
  describe: (metadata: OrmMetadata) => Model,
  defaults: ReadonlySet<unknown>,
): Link | null {
  const [ownerColumn] = junction.ownerColumns;
  const [targetColumn] = junction.inverseColumns;
  const owner = ownerColumn?.referencedColumn?.entityMetadata;
  const target = targetColumn?.referencedColumn?.entityMetadata;
  const relation = owner?.ownRelations.find((one) => one.junctionEntityMetadata === junction);
  if (!owner || !target || !relation) return null;
  return {
    owner: describe(owner),
    ownerTable: tableNameOf(owner, defaults),
    property: relation.propertyPath,
    ownerColumns: referencesOf(junction.ownerColumns),
    targetColumns: referencesOf(junction.inverseColumns),
    target: describe(target),
  };
}

function referencesOf(columns: OrmMetadata["columns"]): Reference[] {
  return columns.map((column) => ({
    column: column.databaseName,
    referenced: column.referencedColumn!.databaseName,
  }));
}

function isSqlite(dataSource: DataSource): boolean {
  return /^(?:sqljs|better-sqlite3|sqlite|expo|capacitor|cordova|react-native|nativescript)$/.test(
    dataSource.options.type,
  );
}

/** What an entity may spell out, and the families leave out. What stands before a table's name is a database in MySQL. */
export function defaultSchemas({ driver, options }: DataSource): ReadonlySet<unknown> {
  const { schema, database } = driver as { schema?: string; database?: string };
  const optional = options as { schema?: string; database?: unknown };
  if (/mysql|mariadb/.test(options.type)) return new Set([database ?? optional.database]);
  const own = schema ?? optional.schema;
  // Where another schema is the default one, a table that names this one is another table.
  return new Set([own, own ? undefined : "public"]);
}
