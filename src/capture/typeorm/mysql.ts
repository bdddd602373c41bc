/**
 * MySQL and MariaDB: rows are captured on the pool's connections, below TypeORM, where a statement and the
 * server's answer meet.
 *
 * @module
 */
import type { EventEmitter } from "node:events";
import { fault } from "../../health.js";
import type { Undo } from "../capture.js";
import type { Family } from "./family.js";
import { Catalog } from "./mysql/catalog.js";
import { ConnectionCapture, type Shared } from "./mysql/connection.js";
import type { Settings } from "./mysql/settings.js";
import { isWire, type Connection } from "./mysql/wire.js";
import { MysqlStore } from "./outbox/mysql.js";

/** What the driver keeps its connections in. */
interface Pools {
  readonly database?: string;
  readonly pool?: EventEmitter;
  readonly poolCluster?: { readonly _nodes?: Readonly<Record<string, { readonly pool?: EventEmitter }>> };
}

/** The family, for a server that can do what `adjust` leaves of it. */
export function mysqlFamily(adjust: (settings: Settings) => Settings = (settings) => settings): Family {
  return {
    name: "mysql",
    drivers: ["mysql", "mariadb"],
    blind: [
      "Rows that triggers and stored routines of the database write: a CALL is recorded as one statement.",
      "Rows that a statement with several target tables, LOAD DATA, EXECUTE or a prepared statement (`connection.execute`) changes: recorded as one statement.",
      "Work on connections that are not the pool's, such as one made with mysql2 by hand, and XA transactions.",
      "Before MariaDB 10.5 and on MySQL: the rows of INSERT … SELECT, and an UPDATE of a primary key, are recorded as one statement.",
      "MySQL itself was not run: what is said of it follows from its documentation, and from MariaDB without RETURNING.",
    ],
    outbox: (dataSource, table) => new MysqlStore(dataSource, table),
    besideOutbox: [
      "TRUNCATE; and outside of a transaction CALL and other code, tables without transactions, views, and prepared statements (`connection.execute`): a crash leaves a statement record with the outcome unknown in the place of their records.",
      "Not in the outbox, but told from memory: writes under LOCK TABLES; what tables without transactions, and code that commits, change inside of a transaction; all these right after SET TRANSACTION.",
    ],
    start(dataSource, sink, scope, limits, outbox) {
      const pools = dataSource.driver as unknown as Pools;
      const names = dataSource.entityMetadatas.flatMap(({ tableName, database }) => [
        tableName,
        database ?? [],
      ]);
      const catalog = new Catalog(pools.database ?? null, names.flat());
      return watchPools(pools, { catalog, sink, scope, limits, adjust, outbox });
    },
  };
}

export const mysql = mysqlFamily();

/* "connection" is told too late for the one that initialize() has opened already; "acquire" is told of each,
   before the caller has it. */
function watchPools(pools: Pools, shared: Shared): Undo {
  const captures = new Map<Connection, ConnectionCapture>();
  const acquired = (connection: unknown): void => {
    if (captures.has(connection as Connection)) return;
    if (!isWire(connection)) {
      fault("capture.mysql", new Error("The connection is not one of mysql2 3; its rows are not captured."));
      return;
    }
    const forget = (): void => void captures.delete(connection);
    captures.set(connection, new ConnectionCapture(connection, shared, forget));
  };
  // oxlint-disable-next-line no-underscore-dangle -- the only place where mysql2 keeps a cluster's pools
  const found = [pools.pool, ...Object.values(pools.poolCluster?._nodes ?? {}).map((node) => node.pool)];
  const watched = found.filter((pool) => pool !== undefined);
  for (const pool of watched) pool.on("acquire", acquired);
  return () => {
    for (const pool of watched) pool.off("acquire", acquired);
    for (const capture of captures.values()) capture.stop();
    captures.clear();
  };
}
