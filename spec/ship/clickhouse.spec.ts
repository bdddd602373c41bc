/**
 * Records on their way to a real ClickHouse engine that goes away, loses answers, and comes back.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { clickhouseAppender, migrateClickhouse } from "activity-audit/clickhouse";
import type { Dropped } from "#dist/ship/room";
import type { ShipmentHealth } from "#dist/ship/shipping";
import { Clickhouse, withoutClickhouse } from "../support/clickhouse.js";

describe("the ClickHouse appender", { skip: withoutClickhouse }, () => {
  let clickhouse: Clickhouse;
  let directory: string;

  before(async () => {
    clickhouse = await Clickhouse.start();
    await clickhouse.sql("CREATE DATABASE audit");
    await migrateClickhouse({ url: clickhouse.url, database: "audit" });
  });
  after(() => clickhouse?.remove());

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ship-"));
    await clickhouse.sql("TRUNCATE TABLE audit_records", "audit");
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  it("brings each line, as it stands in the file, while the application runs", async () => {
    const app = new App(directory, clickhouse.url, "one", 300);
    assert.equal(await app.ended(), 0);
    assert.deepEqual(app.promised, upTo(300));
    assert.deepEqual((await stored("one")).toSorted(), app.lines("audit.event").toSorted());
    assert.deepEqual(await columnsOf("one", 7), {
      name: "audit.event",
      service_name: "one",
      outcome: "success",
      user_id: "",
      extra: '{"number":7,"text":"line\\u2028 \\"7\\" \\\\ é 漢"}',
    });
  });

  it("goes on when the server was away, and when answers were lost", async () => {
    const apps = ["two", "three"].map((name) => new App(directory, clickhouse.url, name, 1500));
    for (let times = 0; times < 3; times += 1) {
      await pause(150);
      await clickhouse.down();
      await pause(200);
      await clickhouse.up();
      await clickhouse.loseAnswers(2);
    }
    for (const app of apps) assert.equal(await app.ended(), 0);
    await shipRest();
    for (const app of apps) {
      assert.deepEqual(app.promised, upTo(1500));
      assert.deepEqual((await stored(app.name)).toSorted(), app.lines("audit.event").toSorted());
    }
  });

  it("keeps what a killed process had promised, for the next one to send", async () => {
    const app = new App(directory, "http://127.0.0.1:9", "four", 100_000);
    await app.hasPromised(400);
    await app.kill();
    assert.deepEqual(await stored("four"), []);
    await shipRest();
    const numbers = await storedNumbers("four");
    assert.deepEqual(
      app.promised.filter((number) => !numbers.has(number)),
      [],
    );
    assert.ok(app.promised.length >= 400);
  });

  it("gives up the oldest records beyond the spool's limit, and says so", async () => {
    const limit = 2_097_152;
    const app = new App(directory, "http://127.0.0.1:9", "full", 3000, { MAX_SPOOL_BYTES: String(limit) });
    assert.equal(await app.ended(), 0);
    const { dropped, waiting_bytes, spool } = JSON.parse(
      readFileSync(join(directory, "shipping.json"), "utf8"),
    ) as ShipmentHealth;
    assert.ok(dropped > 0 && dropped < 3000 && waiting_bytes <= limit, `${dropped}, ${waiting_bytes}`);
    assert.equal(spool, join(directory, "spool", "records.ndjson"));

    await shipRest();
    assert.deepEqual(app.promised, upTo(3000));
    const numbers = await storedNumbers("full");
    const count = 3000 - numbers.size;
    assert.deepEqual(
      [...numbers].toSorted((a, b) => a - b),
      upTo(3000).slice(count),
    );
    // What tells of it needs room too, for which one file more may have gone since.
    assert.ok(dropped <= count, `${dropped} of ${count}`);
    const gaps = await storedGaps("full");
    const lost = app.lines("audit.event").slice(0, count);
    assert.equal(
      gaps.reduce((sum, gap) => sum + gap.count, 0),
      count,
    );
    assert.deepEqual(
      [gaps[0]!.from, gaps.at(-1)!.to],
      [lost[0]!, lost.at(-1)!].map((line) => JSON.parse(line).timestamp),
    );
    assert.equal(gaps[0]!.why, `the spool had more than ${limit} bytes`);
  });

  it("leaves nothing behind but what the server has", async () => {
    await new App(directory, clickhouse.url, "five", 50).ended();
    const spool = readdirSync(join(directory, "spool")).toSorted();
    assert.deepEqual(spool, ["records.ndjson", "records.ndjson.shipped"]);
    const positions = JSON.parse(readFileSync(join(directory, "spool", "records.ndjson.shipped"), "utf8"));
    const size = readFileSync(join(directory, "spool", "records.ndjson")).length;
    assert.deepEqual(Object.values(positions), [size]);
  });

  it("says at start what is wrong with its options", () => {
    assert.throws(() => clickhouseAppender({ url: "clickhouse" }), {
      code: "AUDIT_OPTION_INVALID",
      message: /clickhouseAppender\.url` is "clickhouse"; expected the address of a server/u,
    });
    assert.throws(() => clickhouseAppender({ batch: 5 } as never), { code: "AUDIT_OPTION_UNKNOWN" });
  });

  /** A process that has nothing to record itself sends what others have left. */
  async function shipRest(): Promise<void> {
    assert.equal(await new App(directory, clickhouse.url, "rest", 0).ended(), 0);
  }

  function stored(service: string): Promise<string[]> {
    return clickhouse
      .rows<{ line: string }>(
        `SELECT line FROM audit_records FINAL WHERE service_name = '${service}' AND name = 'audit.event'`,
        "audit",
      )
      .then((rows) => rows.map(({ line }) => line));
  }

  async function storedGaps(service: string): Promise<(Dropped & { why: string })[]> {
    const rows = await clickhouse.rows<{ line: string }>(
      `SELECT line FROM audit_records FINAL WHERE service_name = '${service}' AND event_type = 'GAP' ORDER BY record_id`,
      "audit",
    );
    return rows.map(({ line }) => JSON.parse(line).details);
  }

  async function storedNumbers(service: string): Promise<Set<number>> {
    return new Set((await stored(service)).map((line) => JSON.parse(line).extra.number as number));
  }

  async function columnsOf(service: string, number: number): Promise<unknown> {
    const [row] = await clickhouse.rows(
      `SELECT name, service_name, outcome, user_id, extra FROM audit_records FINAL
       WHERE service_name = '${service}' AND JSONExtractInt(extra, 'number') = ${number}`,
      "audit",
    );
    return row;
  }
});

describe("the tables in ClickHouse", { skip: withoutClickhouse }, () => {
  let clickhouse: Clickhouse;
  before(async () => {
    clickhouse = await Clickhouse.start();
    await clickhouse.sql("CREATE DATABASE audit");
  });
  after(() => clickhouse?.remove());

  it("are not made by options that cannot be meant", async () => {
    await assert.rejects(migrateClickhouse({ retentionDays: 0.5 }), {
      code: "AUDIT_OPTION_INVALID",
      message: /migrateClickhouse\.retentionDays` is 0\.5; expected a whole number of days, at least 1/u,
    });
    await assert.rejects(migrateClickhouse({ days: 400 } as never), { code: "AUDIT_OPTION_UNKNOWN" });
  });

  it("are made once, and take a time to keep records for", async () => {
    const options = { url: clickhouse.url, database: "audit" };
    assert.deepEqual(await migrateClickhouse(options), [
      "0001_records.sql",
      "0002_views.sql",
      "0003_same_names.sql",
    ]);
    assert.deepEqual(await migrateClickhouse({ ...options, retentionDays: 400 }), []);
    assert.match(
      await clickhouse.sql("SHOW CREATE TABLE audit_records", "audit"),
      /TTL .*toIntervalDay\(400\)/u,
    );
  });
});

/** An application process of `programs/app.ts`. */
class App {
  readonly #process: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  #output = "";

  constructor(
    private readonly directory: string,
    url: string,
    readonly name: string,
    count: number,
    env: Readonly<Record<string, string>> = {},
  ) {
    const program = join(__dirname, "programs", "app.js");
    this.#process = spawn(process.execPath, [program, directory, url, name, String(count)], {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, ...env },
    });
    this.#process.stdout!.setEncoding("utf8").on("data", (text: string) => (this.#output += text));
    this.#ended = once(this.#process, "close");
  }

  /** The numbers whose records were taken. */
  get promised(): number[] {
    const whole = this.#output.slice(0, this.#output.lastIndexOf("\n") + 1);
    return whole.split("\n").filter(Boolean).map(Number);
  }

  async hasPromised(count: number): Promise<void> {
    while (this.promised.length < count) {
      assert.equal(this.#process.exitCode, null, `the application runs`);
      await pause(10);
    }
  }

  async ended(): Promise<unknown> {
    return (await this.#ended)[0];
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }

  /** What the appender of the files has written of this category. */
  lines(category: string): string[] {
    return readFileSync(join(this.directory, this.name, "audit.log"), "utf8")
      .split("\n")
      .filter((line) => line.includes(`"name":"${category}"`));
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
