/**
 * How a user chooses the way in which rows are captured, and hears of entities that nobody records.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import log4js from "log4js";
import { DataSource, EntitySchema } from "typeorm";
import { audit, AuditEntity, levels, type AuditOptions } from "activity-audit";
import { until } from "../support/until.js";

class Note {
  id!: number;
  text!: string;
}
AuditEntity()(Note as never, undefined as never);

class Forgotten {
  id!: number;
}
AuditEntity()(Forgotten as never, undefined as never);

const note = new EntitySchema<Note>({
  name: "Note",
  target: Note,
  columns: { id: { type: Number, primary: true, generated: true }, text: { type: String } },
});

let opened: DataSource | undefined;

async function database(): Promise<DataSource> {
  opened = new DataSource({ type: "sqljs", entities: [note], synchronize: true });
  return opened.initialize();
}

function start(options: Partial<AuditOptions> = {}): void {
  log4js.configure({
    levels,
    appenders: { memory: { type: "recording" } },
    categories: Object.fromEntries(
      ["default", "audit", "api", "login", "login-audit"].map((name) => [
        name,
        { appenders: ["memory"], level: "all" },
      ]),
    ),
  });
  audit.start({ serviceName: "spec", ...options });
}

const triggers = (dataSource: DataSource): Promise<unknown[]> =>
  dataSource.query("SELECT name FROM sqlite_temp_master WHERE type = 'trigger'");

/** What the application's log was warned of: the logger, and the beginning of what it said. */
const warnings = (): unknown[] =>
  log4js
    .recording()
    .replay()
    .filter(({ level }) => String(level) === "WARN")
    .map(({ categoryName, data }) => [categoryName, String(data[0]).split(",", 1)[0]]);

afterEach(async () => {
  await audit.stop();
  await opened?.destroy();
  opened = undefined;
  log4js.recording().reset();
});

describe("rows: portable", () => {
  for (const [said, options, attached] of [
    ["at the start", { rows: { capture: "portable" } }, {}],
    ["at the attach", {}, { rows: "portable" }],
    ["at the attach, against the start", { rows: { capture: "auto" } }, { rows: "portable" }],
  ] as const) {
    it(`makes no trigger when it is said ${said}`, async () => {
      const dataSource = await database();
      start(options);
      audit.attach(dataSource, attached);
      await dataSource.getRepository(Note).save({ text: "a" });
      assert.deepEqual(await triggers(dataSource), []);
      const [coverage] = audit.coverage().dataSources;
      assert.equal(coverage?.family, "portable");
      assert.ok(coverage.blind.some((sentence) => sentence.startsWith("Raw SQL")));
    });
  }

  it("gives way to what the attach says", async () => {
    const dataSource = await database();
    start({ rows: { capture: "portable" } });
    audit.attach(dataSource, { rows: "auto" });
    assert.equal(audit.coverage().dataSources[0]?.family, "sqlite");
  });
});

describe("an entity that no attached DataSource has", () => {
  it("is named by the coverage", async () => {
    const dataSource = await database();
    start();
    audit.attach(dataSource);
    assert.deepEqual(audit.coverage().entitiesWithoutTable, [Forgotten.name]);
  });

  it("is told to the application's log soon after the start, once", async () => {
    const dataSource = await database();
    start();
    audit.attach(dataSource);
    // Somebody attaches another one later: what was said is not said again.
    await until(() => warnings().length > 0);
    const another = await new DataSource({ type: "sqljs", entities: [note], synchronize: true }).initialize();
    audit.attach(another);
    await sleep(5500);
    await another.destroy();
    assert.deepEqual(warnings(), [
      ["activity-audit", "@AuditEntity on Forgotten: no attached DataSource has this entity"],
    ]);
  });
});
