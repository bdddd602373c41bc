/**
 * Values are told with all their digits and characters, whatever the connection is set to.
 */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { createPool, type Pool } from "mysql2";
import type { Connection } from "mysql2/promise";
import {
  capture,
  dropDatabase,
  freshDatabase,
  kinds,
  server,
  skipReason,
  taken,
  type Told,
} from "./server.js";

const tables = [
  `CREATE TABLE \`values\` (
    id int PRIMARY KEY, big bigint, natural_big bigint unsigned, exact decimal(40, 20), approximate double, single float,
    at datetime(6), stamp timestamp(3) NULL, clock time(2), bytes blob, bits bit(12), document json,
    kind enum('a', 'ü'), several set('x', 'y'), western varchar(20) CHARACTER SET latin1,
    word varchar(40) CHARACTER SET utf8mb4, long_text text)`,
  // The key, too, is a text that a connection may not be able to say.
  "CREATE TABLE keyed (k varchar(10) CHARACTER SET utf8mb4 PRIMARY KEY, n int, at timestamp ON UPDATE CURRENT_TIMESTAMP)",
];

const full = {
  id: 1,
  big: "-9223372036854775807",
  natural_big: "18446744073709551615",
  exact: "12345678901234567890.12345678901234567890",
  approximate: 0.1,
  single: 12345.67,
  at: "2026-02-28 23:59:59.123456",
  stamp: "2026-03-01 01:02:03.456",
  clock: "-12:34:56.78",
  bytes: new Uint8Array([0, 255, 39, 92, 10]),
  bits: new Uint8Array([0x0a, 0x0b]),
  document: { big: "9007199254740993", list: [1, null, "ü🙂'"] },
  kind: "ü",
  several: "x,y",
  western: "Größe 5 €",
  word: "né 🙂 'quoted' \\ \"",
  long_text: "line\nline\t\u0001",
};
const empty = Object.fromEntries(Object.keys(full).map((name) => [name, name === "id" ? 2 : null]));

const insert = `INSERT INTO \`values\` VALUES (1, -9223372036854775807, 18446744073709551615,
  12345678901234567890.12345678901234567890, 0.1, 12345.67, '2026-02-28 23:59:59.123456', '2026-03-01 01:02:03.456',
  '-12:34:56.78', x'00ff275c0a', b'101000001011',
  _utf8mb4 x'${hex('{"big": 9007199254740993, "list": [1, null, "ü🙂\'"]}')}', _utf8mb4 x'${hex("ü")}', 'x,y',
  _utf8mb4 x'${hex(full.western)}', _utf8mb4 x'${hex(full.word)}', _utf8mb4 x'${hex(full.long_text)}')`;

function hex(text: string): string {
  return Buffer.from(text, "utf8").toString("hex");
}

const skip = skipReason();

for (const { name, adjust, suffix } of kinds) {
  for (const charset of ["utf8mb4", "latin1"]) {
    describe(`values on ${name}, over a connection in ${charset}`, { skip }, () => {
      const database = `audit_values_${charset}_${suffix}`;
      let admin: Connection;
      let pool: Pool;
      let told: Told[];
      const run = async (...statements: string[]): Promise<void> => {
        for (const sql of statements) await pool.promise().query(sql);
      };

      before(async () => {
        admin = await freshDatabase(database, tables);
        pool = createPool({ ...server, database, charset, connectionLimit: 1 });
        ({ told } = capture(pool, database, { adjust }));
      });

      afterEach(async () => {
        await run("DELETE FROM `values`", "DELETE FROM keyed");
        told.length = 0;
      });

      after(async () => {
        pool.end();
        await dropDatabase(admin, database);
      });

      it("lose nothing when they are inserted, changed and deleted", async () => {
        await run(insert, "UPDATE `values` SET big = big + 1", "DELETE FROM `values`");
        const changed = { ...full, big: "-9223372036854775806" };
        const table = "values";
        assert.deepEqual(taken(told), [
          { op: "insert", table, after: full },
          { op: "update", table, before: full, after: changed },
          { op: "delete", table, before: changed },
        ]);
      });

      it("tell a change in the last digit that a float has", async () => {
        await run(insert, "UPDATE `values` SET single = 12345.68");
        assert.deepEqual(taken(told).at(-1), {
          op: "update",
          table: "values",
          before: full,
          after: { ...full, single: 12345.68 },
        });
      });

      it("lose nothing where an upsert meets them", async () => {
        await run(insert, `${insert} ON DUPLICATE KEY UPDATE clock = NULL`);
        assert.deepEqual(taken(told).at(-1), {
          op: "update",
          table: "values",
          before: full,
          after: { ...full, clock: null },
        });
      });

      it("tell NULL from what is not there", async () => {
        await run("INSERT INTO `values` (id) VALUES (2)");
        assert.deepEqual(taken(told), [{ op: "insert", table: "values", after: empty }]);
      });

      it("find a row again by a key that the connection cannot say", async () => {
        await admin.query("INSERT INTO keyed VALUES ('🙂', 1, '2020-01-01')");
        await run("UPDATE keyed SET n = 2, at = '2020-01-02'", "UPDATE keyed SET n = 3");
        const keys = taken(told).map(({ op, after: now }) => [op, (now as { k: string; n: number }).k]);
        assert.deepEqual(keys, [
          ["update", "🙂"],
          ["update", "🙂"],
        ]);
      });
    });
  }
}
