/**
 * What the workers of the kill spec of intents do: statements that may commit by themselves, each in a request of its
 * own, which stands on all rows that it writes.
 */
import type { DataSource, QueryRunner } from "typeorm";

export type Kind = "postgres" | "mariadb";

/** A statement, or several on one connection; `one` and `two` are names of rows. */
type Step = (request: string) => readonly string[];

const row = (request: string, name: string): string =>
  `INSERT INTO entry (request, name) VALUES ('${request}', '${name}')`;

export const setUp: Record<Kind, readonly string[]> = {
  postgres: [
    "CREATE TABLE truth (seq bigserial PRIMARY KEY, request text, name text)",
    `CREATE FUNCTION truth() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO truth (request, name) VALUES (NEW.request, NEW.name); RETURN NULL; END $$`,
    "CREATE TRIGGER truth AFTER INSERT ON entry FOR EACH ROW EXECUTE FUNCTION truth()",
    `CREATE PROCEDURE two(request text) LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO entry (request, name) VALUES (request, 'one'); COMMIT;
       INSERT INTO entry (request, name) VALUES (request, 'two'); END $$`,
    `CREATE PROCEDURE half(request text) LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO entry (request, name) VALUES (request, 'one'); COMMIT; RAISE 'no more'; END $$`,
    `CREATE PROCEDURE slow(request text) LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO entry (request, name) VALUES (request, 'one'); COMMIT; PERFORM pg_advisory_xact_lock(4711); END $$`,
  ],
  mariadb: [
    "CREATE TABLE truth (seq bigint AUTO_INCREMENT PRIMARY KEY, request text, name text)",
    `CREATE TRIGGER truth AFTER INSERT ON entry FOR EACH ROW
       INSERT INTO truth (request, name) VALUES (NEW.request, NEW.name)`,
    `CREATE PROCEDURE two(request text) BEGIN
       INSERT INTO entry (request, name) VALUES (request, 'one');
       INSERT INTO entry (request, name) VALUES (request, 'two'); END`,
    `CREATE PROCEDURE half(request text) BEGIN
       INSERT INTO entry (request, name) VALUES (request, 'one'); SIGNAL SQLSTATE '45000'; END`,
    `CREATE PROCEDURE slow(request text) BEGIN
       INSERT INTO entry (request, name) VALUES (request, 'one'); DO GET_LOCK('4711', 60); END`,
  ],
};

export const steps: Record<Kind, readonly Step[]> = {
  postgres: [
    (request) => [`BEGIN; ${row(request, "one")}; ${row(request, "two")}; COMMIT`],
    (request) => [`${row(request, "one")}; COMMIT; ${row(request, "two")}`],
    (request) => [`BEGIN; ${row(request, "gone")}; ROLLBACK; ${row(request, "two")}`],
    (request) => [`BEGIN; ${row(request, "one")}; COMMIT; BEGIN; ${row(request, "gone")}; no`, "ROLLBACK"],
    (request) => [`${row(request, "one")}; COMMIT; BEGIN; ${row(request, "two")}`, "COMMIT"],
    (request) => [`${row(request, "one")}; COMMIT; BEGIN; ${row(request, "gone")}`, "SELECT 1", "ROLLBACK"],
    (request) => [`CALL two('${request}')`],
    (request) => [`CALL half('${request}')`],
    (request) => [`DO $$ BEGIN ${row(request, "one")}; COMMIT; ${row(request, "two")}; END $$`],
    (request) => [`PREPARE p AS ${row(request, "one")}`, "EXECUTE p", "DEALLOCATE p"],
    (request) => ["BEGIN", row(request, "one"), "COMMIT; BEGIN", row(request, "two"), "COMMIT"],
    (request) => [row(request, "one")],
  ],
  mariadb: [
    (request) => [`CALL two('${request}')`],
    (request) => [`CALL half('${request}')`],
    (request) => [`BEGIN NOT ATOMIC ${row(request, "one")}; ${row(request, "two")}; END`],
    (request) => [`EXECUTE IMMEDIATE "${row(request, "one")}"`],
    (request) => [`/*! ${row(request, "one")} */`],
    (request) => [`BEGIN; ${row(request, "one")}; COMMIT; ${row(request, "two")}`],
    (request) => [
      "BEGIN",
      row(request, "one"),
      "CREATE TABLE IF NOT EXISTS other (id int)",
      row(request, "two"),
    ],
    (request) => [row(request, "one")],
  ],
};

/** Does the step, whatever it comes to. */
export async function run(dataSource: DataSource, texts: readonly string[]): Promise<void> {
  const runner: QueryRunner = dataSource.createQueryRunner();
  for (const text of texts) await runner.query(text).catch(() => {});
  await runner.release();
}

/** What waits, when it has committed a row, for the lock 4711. */
export const slow: Record<Kind, Readonly<Record<string, string>>> = {
  postgres: {
    "a text with its own COMMIT": `BEGIN; ${row("1.0", "one")}; COMMIT; SELECT pg_advisory_xact_lock(4711)`,
    "a procedure": "CALL slow('1.0')",
    "a block of code": `DO $$ BEGIN ${row("1.0", "one")}; COMMIT; PERFORM pg_advisory_xact_lock(4711); END $$`,
  },
  mariadb: {
    "a procedure": "CALL slow('1.0')",
    "a block": `BEGIN NOT ATOMIC ${row("1.0", "one")}; DO GET_LOCK('4711', 60); END`,
    "code in a comment": `/*! BEGIN NOT ATOMIC ${row("1.0", "one")}; DO GET_LOCK('4711', 60); END */`,
  },
};
