import "reflect-metadata";
import { describeContention } from "./contention.js";
import { mariadb, mysqlStandIn } from "./databases/mariadb.js";
import { postgres } from "./databases/postgres.js";
import { betterSqlite3, sqljs } from "./databases/sqlite.js";

for (const database of [postgres, mariadb, mysqlStandIn]) describeContention(database);
// SQLite has one writer at a time, and TypeORM one connection to it.
for (const database of [sqljs, betterSqlite3]) describeContention(database, false);
