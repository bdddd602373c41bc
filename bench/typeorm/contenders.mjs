/**
 * The same table written through TypeORM: without audit, with us, and with a peer. Each has a database and a
 * connection of its own, on one server, in one process.
 *
 * @module
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import log4js from "log4js";
import pg from "pg";

const require = createRequire(import.meta.url);
const { audit, auditLogging } = require("../../dist/index.js");

const { postgres } = require("../../dist/capture/typeorm/postgres.js");

const server = {
  host: process.env.PGHOST ?? "127.0.0.1",
  port: Number(process.env.PGPORT ?? 5432),
  user: process.env.PGUSER ?? "postgres",
  password: process.env.PGPASSWORD ?? "",
};

/** `AUDIT_BENCH_PREPARE=1`: with `rows: { prepare: true }`. */
const prepare = process.env.AUDIT_BENCH_PREPARE === "1";

const PEER = "typeorm-auditing@0.5.6";

/** A folder with the peer, and the TypeORM 0.3 that it needs; or why it cannot be had. */
export function installPeer() {
  const folder = mkdtempSync(join(tmpdir(), "audit-bench-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  try {
    execFileSync("npm", ["i", "--no-save", "--no-audit", "--no-fund", "--silent", "--prefix", folder, PEER], {
      timeout: 180_000,
      stdio: "ignore",
    });
    return { require: createRequire(join(folder, "index.js")), remove };
  } catch (error) {
    remove();
    return {
      reason: `${PEER} could not be installed (${error.code ?? `npm ended with ${error.status}`})`,
      remove() {},
    };
  }
}

/** An entity of this copy of TypeORM, by its decorators, as the peer needs it. */
function itemOf({ Entity, PrimaryColumn, Column, CreateDateColumn, DeleteDateColumn }) {
  class Item {
    toString() {
      return `item ${this.id}`;
    }
  }
  const field = (decorator, name, type) => {
    Reflect.defineMetadata("design:type", type, Item.prototype, name);
    decorator(Item.prototype, name);
  };
  field(PrimaryColumn({ type: "int" }), "id", Number);
  field(Column({ type: "int" }), "n", Number);
  field(Column({ type: "varchar", nullable: true }), "name", String);
  field(Column({ type: "numeric", precision: 12, scale: 2, nullable: true }), "price", String);
  field(CreateDateColumn({ type: "timestamptz" }), "at", Date);
  field(DeleteDateColumn({ type: "timestamptz" }), "gone", Date);
  Entity("item")(Item);
  return Item;
}

/** Opens a contender: `bare`, `capture`, `ours`, or `peer` with the peer's module. */
export async function open(typeorm, name, peer) {
  const database = `activity_audit_bench_${name}_${process.pid}`;
  await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`, `CREATE DATABASE ${database}`);
  const Item = itemOf(typeorm);
  const entities = [Item];
  const subscribers = [];
  if (peer) {
    class AuditingItem extends Item {}
    peer.AuditingEntity(Item)(AuditingItem);
    entities.push(AuditingItem);
    subscribers.push(peer.AuditingSubscriber);
  }
  const { host, port, user: username, password } = server;
  const connection = { host, port, username, password, database, driver: pg };
  const dataSource = new typeorm.DataSource({
    type: "postgres",
    ...connection,
    entities,
    subscribers,
    synchronize: true,
    poolSize: 1,
    extra: process.env.AUDIT_BENCH_DURABLE ? {} : { options: "-c synchronous_commit=off" },
  });
  await dataSource.initialize();
  const undo = watch(dataSource, name);
  const client = await dataSource.driver.master.connect();
  const backend = client.processID;
  client.release();
  return {
    name,
    items: dataSource.getRepository(Item),
    client,
    /** Nanoseconds that the server's process for this connection has run; `null` if it is on another machine. */
    serverTime: () => runTime(backend),
    async close() {
      undo();
      await dataSource.destroy();
      await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    },
  };
}

/** `ours` is all of us; `capture` tells its rows to nobody. */
function watch(dataSource, name) {
  if (name === "ours") return audit.attach(dataSource, { tables: "all" });
  if (name !== "capture") return () => {};
  const limits = { maxRowsPerStatement: 1000, maxImageBytes: 2 ** 26, prepare };
  return postgres.start(dataSource, { committed: () => {} }, { includes: () => true }, limits);
}

/** Starts us as an application does, writing to files; gives how to stop, and how many row records were written. */
export function startAudit() {
  const directory = mkdtempSync(join(tmpdir(), "audit-bench-logs-"));
  log4js.configure(auditLogging({ directory, serviceName: "bench", console: false }));
  audit.start({ serviceName: "bench", rows: { prepare } });
  return {
    async stop() {
      await audit.flush();
      const records = readdirSync(directory)
        .filter((file) => file.startsWith("audit"))
        .map((file) => readFileSync(join(directory, file), "utf8").split('"audit.crud"').length - 1)
        .reduce((sum, count) => sum + count, 0);
      await audit.stop();
      await new Promise((resolve) => log4js.shutdown(resolve));
      rmSync(directory, { recursive: true, force: true });
      return records;
    },
  };
}

function runTime(pid) {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    return null;
  }
}

async function administer(...statements) {
  const client = new pg.Client({ ...server, database: "postgres" });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}
