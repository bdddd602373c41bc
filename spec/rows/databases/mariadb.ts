/**
 * MariaDB for the row specs, as it is and as a stand-in for MySQL.
 */
import { createConnection, type Connection } from "mysql2/promise";
import type { DataSourceOptions } from "typeorm";
import { mysqlFamily } from "#dist/capture/typeorm/mysql";
import { likeMysql, server, skipReason } from "../mysql/server.js";
import { Truth } from "../mysql/truth.js";
import { RAW_TABLE } from "../operations/entities.js";
import type { Database } from "../operations/operation.js";
import { uncaught } from "../scenarios/uncaught.js";

function onMariadb(
  own: Pick<Database, "name" | "family" | "statements"> & { readonly type: "mariadb" | "mysql" },
): Database {
  const database = `audit_rows_${own.type}_${process.pid}`;
  let admin: Connection;
  let truth: Truth;
  return {
    name: own.name,
    family: own.family,
    statements: own.statements,
    unavailable: async () => skipReason() || null,
    async options() {
      admin = await createConnection({ ...server, multipleStatements: true });
      await admin.query(
        `DROP DATABASE IF EXISTS ${database}; CREATE DATABASE ${database} CHARACTER SET utf8mb4; USE ${database}`,
      );
      const { host, port, user, password } = server;
      const options: DataSourceOptions = {
        type: own.type,
        host,
        port,
        username: user,
        password,
        database,
        multipleStatements: true,
      };
      return options;
    },
    async prepare(dataSource) {
      await dataSource.query(
        `CREATE TABLE ${RAW_TABLE} (id int AUTO_INCREMENT PRIMARY KEY, name text, n int)`,
      );
      truth = new Truth(admin, database);
      await truth.start();
    },
    triggersSeeCascades: false,
    truth: () => truth.rows(),
    transactions: () => truth.transactions(),
    async empty(dataSource) {
      const tables = dataSource.entityMetadatas.map(({ tablePath }) => `TRUNCATE ${tablePath}`).join("; ");
      await admin.query(`SET FOREIGN_KEY_CHECKS = 0; ${tables}; SET FOREIGN_KEY_CHECKS = 1`);
    },
    async drop() {
      await admin.query(`DROP DATABASE ${database}`);
      await admin.end();
    },
    sql: {
      many: "UPDATE plain SET n = 2 WHERE n = 1; UPDATE plain SET n = 3 WHERE n = 2",
      writingCte: null,
    },
    // Rows of several tables that foreign keys take along: no trigger tells their order.
    unordered: ["tree remove root"],
    lacks: {
      returning: "no RETURNING of an UPDATE",
      skipUpdateIfNoValuesChanged: "PostgreSQL only",
      // mysql2 is given a callback that runs them.
      ...uncaught("afterQuery"),
    },
  };
}

export const mariadb: Database = onMariadb({ name: "mariadb", type: "mariadb" });

/** MariaDB with what it has beyond MySQL forbidden to the capture; TypeORM, too, takes it for MySQL. */
export const mysqlStandIn: Database = onMariadb({
  name: "mysql (no RETURNING, on MariaDB)",
  type: "mysql",
  family: mysqlFamily(likeMysql),
  // INSERT … SELECT, and an UPDATE of a primary key.
  statements: ["tree insert child", "tree move", "QB insert valuesFromSelect", "update primary key"],
});
