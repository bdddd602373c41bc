/**
 * Row capture on PostgreSQL: below TypeORM, on the pool's connections.
 *
 * TypeORM's events are exact for 26 of 119 ways to write; the statement and the server's answer are exact for
 * nearly all. Each changing statement is rewritten, under proof, so that it returns its rows; the added columns
 * are taken out before TypeORM sees the result. What was changed is told when the server says COMMIT.
 *
 * @module
 */
import { fault } from "../../health.js";
import type { Family } from "./family.js";
import { PostgresStore } from "./outbox/postgres.js";
import { Library } from "./postgres/library.js";
import { loadParser, requireLibrary } from "./postgres/parser.js";
import { clientsOf, queryClassOf, type PgClient, type PgPool } from "./postgres/pg.js";
import { Session } from "./postgres/session.js";

/** The parts of TypeORM's PostgresDriver that are used. */
interface PostgresDriver {
  readonly master?: PgPool;
  /** The schema that TypeORM leaves out of its statements. */
  readonly schema?: string;
  readonly searchSchema?: string;
}

/** The family for `type: "postgres"`, from PostgreSQL 12 on. */
export const postgres: Family = {
  name: "postgres",
  drivers: ["postgres"],
  blind: [
    "Rows that the application's own database triggers, rules and functions write to other tables.",
    "Rows that stored procedures, DO blocks and functions called in a SELECT write: a statement record at most.",
    "Rows written on connections that are not of this DataSource's pool, and through replication slaves.",
  ],
  outbox: (dataSource, table) => new PostgresStore(dataSource, table),
  besideOutbox: [
    "CALL, DO and texts of several statements with COMMIT or ROLLBACK among them, outside of a transaction: a crash leaves a statement record with the outcome unknown in the place of their records.",
    "Not in the outbox, but told from memory: what such a text changes that begins inside of a transaction, and what stands in PREPARE TRANSACTION in it; behind a pooler, all such texts, CALL and DO.",
  ],
  check: () => void requireLibrary(),
  start(dataSource, sink, scope, limits, outbox) {
    const driver = dataSource.driver as unknown as PostgresDriver;
    const pool = driver.master;
    if (!pool) throw new Error("The DataSource has no pool: it must be initialised first.");
    const defaultSchema = driver.schema ?? driver.searchSchema ?? "public";
    const library = new Library({ parser: loadParser(), sink, scope, limits, defaultSchema, outbox });
    library.ready.catch((error: unknown) => fault("capture.postgres_parser", error));
    const sessions = new Map<PgClient, Session>();
    const acquired = (client: PgClient): void => attach(client, library, sessions);
    const removed = (client: PgClient): void => {
      sessions.delete(client);
    };
    pool.on("acquire", acquired);
    pool.on("remove", removed);
    for (const client of clientsOf(pool)) acquired(client);
    return () => {
      pool.off("acquire", acquired);
      pool.off("remove", removed);
      for (const session of sessions.values()) session.detach();
      sessions.clear();
    };
  },
};

function attach(client: PgClient, library: Library, sessions: Map<PgClient, Session>): void {
  const session = sessions.get(client);
  if (session?.inPlace) return;
  if (session) {
    fault("capture.postgres_replaced", "client.query was replaced after we had wrapped it; wrapped again");
    session.detach();
  }
  const Query = queryClassOf(client);
  // Answers in a pipeline are to texts that were sent before it was known what the first of them did.
  if (!Query || !client.connection || client.pipeline === true) {
    fault(
      "capture.postgres_client",
      "a connection of the pool is not one of pg's own clients, or has a pipeline; its rows are not seen",
    );
    return;
  }
  sessions.set(client, new Session(client, client.connection, Query, library));
}
