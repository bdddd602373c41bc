/** The relay's own connection on PostgreSQL. */
import "reflect-metadata";
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { DataSourceOptions } from "typeorm";
import { audit } from "activity-audit";
import { outboxServers } from "../../support/outbox-servers.js";
import { until } from "../../support/until.js";
import { brief, Trail } from "./trail.js";

const [server] = outboxServers(`audit_relay_${process.pid}`);

const isLate = ({ kind, last_message: text }: { kind: string; last_message: string }): boolean =>
  kind === "outbox.relay" && text.includes("Query read timeout");

describe("the relay on PostgreSQL", { skip: server!.reason ?? false }, () => {
  const options = { ...server!.options, extra: { query_timeout: 5000 } } as DataSourceOptions;
  const trail = new Trail({ ...server!, options }, [
    "CREATE SEQUENCE deletes",
    `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       IF nextval('deletes') = 1 THEN PERFORM pg_advisory_xact_lock(4711); END IF; RETURN OLD; END $$`,
  ]);

  it("goes on after it has waited for the server for too long", async () => {
    trail.start();
    const dataSource = await trail.attached();
    await dataSource.query(
      "CREATE TRIGGER slow BEFORE DELETE ON audit_outbox FOR EACH ROW EXECUTE FUNCTION wait()",
    );
    const gate = dataSource.createQueryRunner();
    await gate.query("SELECT pg_advisory_lock(4711)");
    await dataSource.query("INSERT INTO note (name) VALUES ('a')");
    await until(() => audit.health().faults.some(isLate));
    await gate.query("SELECT pg_advisory_unlock(4711)");
    await gate.release();
    await dataSource.query("INSERT INTO note (name) VALUES ('b')");
    await audit.flush({ timeoutMs: 120_000 });
    assert.deepEqual(await trail.waiting(), []);
    assert.deepEqual(trail.written().map(brief), ["CREATE note a success", "CREATE note b success"]);
  });
});
