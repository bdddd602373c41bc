/**
 * Tells of the rows that TypeORM loads as entities, where `@AuditEntity({ reads: true })` asks for it: one read for each
 * query and audited entity, never one a row.
 *
 * The seam is the one method through which `find` and every query builder make entities of rows. Nothing is queried
 * besides; raw results, counts and streams are not entities, and are not seen.
 *
 * @module
 */
import type { DataSource, EntityMetadata, ObjectLiteral, SelectQueryBuilder } from "typeorm";
import { currentContext } from "../../context/context.js";
import { guarded } from "../../health.js";
import type { Undo } from "../capture.js";
import type { ColumnImage, RowsRead } from "./family.js";
import { replaceMethod } from "../patch.js";
import { defaultSchemas, tableNameOf } from "./tables.js";

/** Whether reads of this entity are told. */
export type TellsReads = (metadata: EntityMetadata) => boolean;

/** TypeORM's own name; not part of its public types. */
interface EntityLoader {
  executeEntitiesAndRawResults(...args: unknown[]): Promise<{ entities: ObjectLiteral[] }>;
}

/** 1.x calls it `dataSource`, 0.3 `connection`. */
type Builder = SelectQueryBuilder<ObjectLiteral> & { readonly dataSource?: DataSource };

/** Starts on an initialised DataSource. */
export function captureReads(
  dataSource: DataSource,
  tellsReads: TellsReads,
  emit: (read: RowsRead) => void,
): Undo {
  if (!dataSource.entityMetadatas.some(tellsReads)) return () => {};
  const defaults = defaultSchemas(dataSource);
  // The class of this DataSource's own copy of TypeORM.
  const prototype = Object.getPrototypeOf(dataSource.createQueryBuilder()) as EntityLoader;
  return replaceMethod(
    prototype,
    "executeEntitiesAndRawResults",
    (load) =>
      function (this: Builder, ...args: unknown[]): Promise<{ entities: ObjectLiteral[] }> {
        const loading = load.apply(this, args) as Promise<{ entities: ObjectLiteral[] }>;
        const context = currentContext();
        if ((this.dataSource ?? this.connection) === dataSource && !context?.muted) {
          loading.then(
            ({ entities }) =>
              guarded("capture.reads", () => {
                for (const [metadata, rows] of loadedBy(this, entities)) {
                  if (tellsReads(metadata)) emit(readOf(metadata, [...rows], defaults, context));
                }
              }),
            // TypeORM tells its caller.
            () => {},
          );
        }
        return loading;
      },
  );
}

type Loaded = Map<EntityMetadata, Set<ObjectLiteral>>;

/** The entities of a query, by what they are. */
function loadedBy(builder: Builder, entities: readonly ObjectLiteral[]): Loaded {
  const loaded: Loaded = new Map();
  const { mainAlias, relationLoadStrategy } = builder.expressionMap;
  const { findOptions } = builder as unknown as { findOptions?: { relationLoadStrategy?: string } };
  // With the strategy "query" relations are loaded by queries of their own, which are told by themselves.
  const joined = (findOptions?.relationLoadStrategy ?? relationLoadStrategy) !== "query";
  if (mainAlias?.hasMetadata) gather(mainAlias.metadata, entities, joined, loaded);
  return loaded;
}

/** Adds entities, and those that were loaded into their relations. */
function gather(
  metadata: EntityMetadata,
  entities: readonly ObjectLiteral[],
  relations: boolean,
  found: Loaded,
): void {
  const known = found.get(metadata) ?? new Set();
  found.set(metadata, known);
  for (const entity of entities) {
    if (known.has(entity)) continue;
    known.add(entity);
    if (!relations) continue;
    for (const relation of metadata.relations) {
      // Reading a lazy relation would load it.
      if (relation.isLazy) continue;
      const value: unknown = relation.getEntityValue(entity);
      const loaded = (Array.isArray(value) ? value : [value]).filter(
        (one): one is ObjectLiteral => typeof one === "object" && one !== null,
      );
      if (loaded.length > 0) gather(relation.inverseEntityMetadata, loaded, true, found);
    }
  }
}

function readOf(
  metadata: EntityMetadata,
  entities: readonly ObjectLiteral[],
  defaults: ReadonlySet<unknown>,
  context: RowsRead["context"],
): RowsRead {
  return {
    table: tableNameOf(metadata, defaults),
    target: metadata.target,
    rowCount: entities.length,
    ids: entities.map((entity): ColumnImage =>
      Object.fromEntries(
        // As the database has them: what a transformer has made of a key is not what other records say.
        metadata.primaryColumns.map((column) => [column.databaseName, column.getEntityValue(entity, true)]),
      ),
    ),
    context,
  };
}
