/**
 * Random statements on two databases, one of them captured: the same tables, the same results, the same errors;
 * and what was told is what changed.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { createPool, type Connection, type Pool } from "mysql2";
import type { Connection as Plain } from "mysql2/promise";
import { capture, dropDatabase, freshDatabase, kinds, server, skipReason, type Told } from "./server.js";
import type { RowChange } from "#dist/capture/typeorm/family";
import { Statements, tableNames, tables } from "./statements.js";

const skip = skipReason();
const count = Number(process.env["AUDIT_MYSQL_STATEMENTS"] ?? 300);
const seed = Number(process.env["AUDIT_SEED"] ?? Date.now() % 1_000_000);

for (const { name, adjust, suffix } of kinds) {
  describe(`${count} random statements on ${name} (seed ${seed})`, { skip }, () => {
    const database = { captured: "audit_fuzz_captured", bare: "audit_fuzz_bare" };
    let admins: Plain[] = [];
    let pool: Pool;
    let captured: Connection;
    let bare: Plain;
    let told: Told[];

    before(async () => {
      admins = await Promise.all(
        Object.values(database).map((one) => freshDatabase(`${one}_${suffix}`, tables)),
      );
      bare = admins[1]!;
      pool = createPool({ ...server, database: `${database.captured}_${suffix}`, supportBigNumbers: true });
      ({ told } = capture(pool, `${database.captured}_${suffix}`, { adjust }));
      captured = await new Promise((resolve, reject) => {
        pool.getConnection((error, connection) => (error ? reject(error) : resolve(connection)));
      });
      for (const sql of ["SET timestamp = 1700000000", "SET NAMES utf8mb4"]) {
        await bare.query(sql);
        await captured.promise().query(sql);
      }
    });

    after(async () => {
      pool.end();
      await dropDatabase(admins[0]!, `${database.captured}_${suffix}`);
      await dropDatabase(admins[1]!, `${database.bare}_${suffix}`);
    });

    it("leave the same tables, results and errors, and are told as they changed the rows", async () => {
      const statements = new Statements(seed);
      let was = await snapshot(admins[0]!);
      let exact = 0;
      let opaque = 0;
      for (let index = 0; index < count; index += 1) {
        const sql = statements.one();
        const here = await outcome(captured.promise(), sql);
        const there = await outcome(bare, sql);
        assert.deepEqual(here, there, `the result of #${index}: ${sql}`);
        const now = await snapshot(admins[0]!);
        assert.deepEqual(now, await snapshot(bare), `the tables after #${index}: ${sql}`);
        const changes = told.splice(0).flatMap((one) => one.changes);
        if (changes.some(({ op }) => op === "statement")) {
          opaque += 1;
        } else {
          assert.deepEqual(replay(was, changes), now, `what was told of #${index}: ${sql}`);
          if (changes.length > 0) exact += 1;
        }
        was = now;
      }
      assert.ok(exact > count / 8, `only ${exact} of ${count} statements changed rows that were told`);
      // Without RETURNING two for every three, and so by chance more than those in one run of some hundreds.
      assert.ok(opaque < 2 * exact, `${opaque} statements were not taken apart`);
      console.log(`${name}: ${exact} exact, ${opaque} as a statement, of ${count}`);
    });
  });
}

async function outcome(connection: Pick<Plain, "query">, sql: string): Promise<unknown> {
  try {
    const [result] = await connection.query(sql);
    // 16 and 32: how an index served; ours never tell of it.
    return { ...result, serverStatus: (result as { serverStatus: number }).serverStatus & ~48 };
  } catch (error) {
    const { code, errno, sqlMessage } = error as { code: string; errno: number; sqlMessage: string };
    return {
      code,
      errno,
      message: sqlMessage?.replaceAll(/audit_fuzz_\w+/g, "db").replaceAll(/near '[^]*/g, ""),
    };
  }
}

type Rows = Record<string, Record<string, unknown>[]>;

async function snapshot(connection: Pick<Plain, "query">): Promise<Rows> {
  const rows: Rows = {};
  for (const name of tableNames) {
    const [found] = await connection.query({ sql: `SELECT * FROM \`${name}\``, dateStrings: true } as never);
    rows[name] = (found as Record<string, unknown>[]).map((row) => ({ ...row })).toSorted(byText);
  }
  return rows;
}

const byText = (a: unknown, b: unknown): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

/** The tables as they would be if just these changes were made, each to a row that is there. */
function replay(was: Rows, changes: readonly RowChange[]): Rows {
  const rows: Rows = Object.fromEntries(tableNames.map((name) => [name, [...was[name]!]]));
  for (const { table, before: old, after: fresh } of changes) {
    const list = rows[table.name]!;
    assert.notDeepEqual(old, fresh, "a change that changes nothing");
    if (old) {
      const at = list.findIndex((row) => JSON.stringify(row) === JSON.stringify(old));
      assert.ok(at >= 0, `no such row in ${table.name}: ${JSON.stringify(old)}`);
      list.splice(at, 1);
    }
    if (fresh) list.push(fresh);
  }
  return Object.fromEntries(tableNames.map((name) => [name, rows[name]!.toSorted(byText)]));
}
