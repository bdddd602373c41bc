/**
 * What row capture on PostgreSQL costs: the same single-row work through TypeORM without us and with us,
 * interleaved. Round trips are counted at the connection: one for each ReadyForQuery of the server.
 *
 * Needs a server at PGHOST (default 127.0.0.1); makes a database of its own and drops it.
 *
 * @module
 */
import { createRequire } from "node:module";
import "reflect-metadata";
import pg from "pg";
import { DataSource, EntitySchema } from "typeorm";

const require = createRequire(import.meta.url);
const { postgres } = require("../dist/capture/typeorm/postgres.js");

const OPERATIONS = 150;
const server = {
  host: process.env.PGHOST ?? "127.0.0.1",
  port: Number(process.env.PGPORT ?? 5432),
  user: process.env.PGUSER ?? "postgres",
  password: process.env.PGPASSWORD ?? "",
};

const Item = new EntitySchema({
  name: "Item",
  tableName: "item",
  columns: {
    id: { type: "int", primary: true },
    n: { type: "int" },
    name: { type: "varchar", nullable: true },
    price: { type: "numeric", precision: 12, scale: 2, nullable: true },
    at: { type: "timestamptz", createDate: true },
    gone: { type: "timestamptz", deleteDate: true, nullable: true },
  },
});

const works = {
  insert: (items, id) => items.insert({ id, n: id, name: "a name", price: "12.50" }),
  update: (items, id) => items.update({ id }, { n: id + 1 }),
  raw_update: (items, id) => items.query("UPDATE item SET n = n + 1 WHERE id = $1", [id]),
  soft_delete: (items, id) => items.softDelete({ id }),
  delete: (items, id) => items.delete({ id }),
};

export async function bench({ rounds, report, progress }) {
  const database = `activity_audit_bench_${process.pid}`;
  await administer(`CREATE DATABASE ${database}`);
  const { host, port, user: username, password } = server;
  const dataSource = new DataSource({
    type: "postgres",
    host,
    port,
    username,
    password,
    database,
    entities: [Item],
    synchronize: true,
    poolSize: 1,
  });
  try {
    await dataSource.initialize();
    const figures = { plain: [], audited: [] };
    for (let round = -1; round < rounds; round += 1) {
      for (const way of round % 2 === 0 ? ["plain", "audited"] : ["audited", "plain"]) {
        const figure = await measure(dataSource, way === "audited");
        // The first round warms up: code, caches and what is learned of tables.
        if (round >= 0) figures[way].push(figure);
      }
      progress(`round ${round + 1} of ${rounds}`);
    }
    tell(report, figures);
  } finally {
    if (dataSource.isInitialized) await dataSource.destroy();
    await administer(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
  }
}

/** Time, CPU and round trips of every work, in microseconds an operation. */
async function measure(dataSource, audited) {
  let told = 0;
  const sink = { committed: (changes) => void (told += changes.length) };
  const limits = { maxRowsPerStatement: 1000, maxImageBytes: 2 ** 26 };
  const undo = audited ? postgres.start(dataSource, sink, { includes: () => true }, limits) : () => {};
  const items = dataSource.getRepository("Item");
  // What is asked once for a connection and a table is no part of the statement.
  for (const work of Object.values(works)) await work(items, 0);
  // The pool has one connection only.
  const client = await dataSource.driver.master.connect();
  client.release();
  let trips = 0;
  const count = () => void (trips += 1);
  client.connection.on("readyForQuery", count);
  const figure = {};
  for (const [name, work] of Object.entries(works)) {
    [trips, told] = [0, 0];
    const cpu = process.cpuUsage();
    const start = process.hrtime.bigint();
    for (let id = 1; id <= OPERATIONS; id += 1) await work(items, id);
    const time = Number(process.hrtime.bigint() - start) / 1000 / OPERATIONS;
    const { user, system } = process.cpuUsage(cpu);
    if (audited && told !== OPERATIONS) throw new Error(`${name}: ${told} of ${OPERATIONS} rows were told.`);
    figure[name] = { time, cpu: (user + system) / OPERATIONS, trips: trips / OPERATIONS };
  }
  client.connection.off("readyForQuery", count);
  undo();
  return figure;
}

function middle(values) {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];
}

function of(figures, name, field) {
  return middle(figures.map((figure) => figure[name][field]));
}

function total(figures, field) {
  return middle(
    figures.map((figure) => Object.keys(works).reduce((sum, name) => sum + figure[name][field], 0)),
  );
}

function tell(report, { plain, audited }) {
  for (const name of Object.keys(works)) {
    const added = of(audited, name, "trips") - of(plain, name, "trips");
    report({ metric: `${name}_added_round_trips`, against: "without_us", value: added, target: 0 });
    const ratio = of(plain, name, "time") / of(audited, name, "time");
    report({ metric: `${name}_throughput_ratio`, against: "without_us", value: ratio, better: "higher" });
  }
  const throughput = total(plain, "time") / total(audited, "time");
  report({
    metric: "throughput_ratio",
    against: "without_us",
    value: throughput,
    target: 0.85,
    better: "higher",
  });
  report({
    metric: "main_cpu_ratio",
    against: "without_us",
    value: total(audited, "cpu") / total(plain, "cpu"),
  });
  report({
    metric: "throughput_ratio",
    against: "typeorm-auditing",
    value: null,
    better: "higher",
    reason: "it is not among the packages of this project, so it was not run",
  });
}

async function administer(statement) {
  const client = new pg.Client({ ...server, database: "postgres" });
  await client.connect();
  await client.query(statement);
  await client.end();
}
