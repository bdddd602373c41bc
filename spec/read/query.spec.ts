/**
 * `query` and `stats` by each engine, against what is computed here from the records that were made.
 */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Command } from "commander";
import { filterOf, withFilters } from "#dist/cli/filter-options";
import { findFiles } from "#dist/read/files";
import { matcher, moment, type RecordFilter } from "#dist/read/filter";
import { TrailStore } from "#dist/read/sql/store";
import { cli, objects } from "./cli.js";
import { logOf, makeRecords, randomOf, temporaryFolder, writeTrail, type Made } from "./trail.js";

const SEED = 73;
const folder = temporaryFolder();
const records = makeRecords(2500, SEED);
const half = JSON.stringify(records[0]).slice(0, 60);
const ENGINES = [
  ["--engine", "js"],
  ["--engine", "duckdb"],
  ["--engine", "duckdb", "--no-cache"],
];
/** What DuckDB can hold of a text: no half of a surrogate pair. */
const well = (record: Made): Made => ({
  ...record,
  message: (record["message"] as string).replaceAll(
    /[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/g,
    "\ufffd",
  ),
});
const sorted = (some: readonly Made[]) =>
  some
    .map(well)
    .toSorted((a, b) => (a["timestamp"] + a["record_id"] < b["timestamp"] + b["record_id"] ? -1 : 1));

before(() => {
  for (const [index, record] of records.entries()) {
    if (index % 97 === 0) record["extra"] = { action: "patient.admit", note: 'Straße "42"\n\\ end' };
    if (index % 613 === 0) record["instance_id"] = '{"a":1,"b":2}';
    // Letters whose small ones are two, or depend on where they stand.
    if (index % 509 === 0) record["extra"] = { place: "ΟΔΟΣ ΣΟΦΙΑΣ, İstanbul" };
    if (index % 211 === 0)
      Object.assign(record, { instance_id: null, instance_ids: ["a", "199"], row_count: 2 });
    // Halves of pairs, whole pairs, and what only looks so: DuckDB's parser refuses lines with the first.
    if (index % 401 === 0) record["message"] = "\ud800 \udc00 \ud83d\ude00 \\ud800";
    if (index % 307 === 0)
      Object.assign(record, { name: "audit.event", action: "x", target: { type: "Report", id: "9" } });
  }
  writeTrail(folder.path, records);
  // A line of a writer that was killed, and one that is being written.
  appendFileSync(join(folder.path, "audit.log"), `${half}\n{"no":"record"}\n${half}`);
});
after(() => folder[Symbol.dispose]());

const event = ({ event_type, event: login, action, extra }: Made) =>
  event_type ?? login ?? action ?? extra.action;

const rank = (times: number[], quantile: number) =>
  times.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(quantile * times.length) - 1)];

const ask = async (sql: string, ...more: string[]) => {
  const { code, stdout, stderr } = await cli(["query", "-d", folder.path, "--json", "--sql", sql, ...more]);
  assert.equal(code, 0, stderr);
  return objects(stdout);
};

describe("activity-audit query", () => {
  const cases: [string[], (record: Made) => boolean][] = [
    [[], () => true],
    [["--user", "7"], ({ user }) => user?.id === 7],
    [["--user", "7,8", "--user", "9"], ({ user }) => [7, 8, 9].includes(user?.id)],
    [["--model", "Patient"], ({ model, target }) => (model ?? target?.type) === "Patient"],
    [["--model", "Report", "--id", "9"], ({ model, target }) => !model && target?.type === "Report"],
    [
      ["--id", "199"],
      ({ instance_id, instance_ids, target }) =>
        (instance_id ?? target?.id) === "199" ||
        ((instance_id ?? target?.id) == null && instance_ids?.includes("199")),
    ],
    [["--id", '{"a":1,"b":2}'], ({ instance_id }) => instance_id === '{"a":1,"b":2}'],
    [["--event", "UPDATE,login"], (record) => ["UPDATE", "login"].includes(event(record))],
    [["--event", "patient.admit"], (record) => event(record) === "patient.admit"],
    [["--outcome", "failure"], ({ outcome }) => outcome === "failure"],
    [["--route", "/patients*"], ({ route }) => route?.startsWith("/patients") === true],
    [["--route", "/patients/:i_"], () => false],
    [["--service", "apollo"], ({ service_name }) => service_name === "apollo"],
    [["--status", "5xx"], ({ response_repr }) => response_repr?.status_code >= 500],
    [["--status", "404,>=503"], ({ response_repr }) => [404, 503].includes(response_repr?.status_code)],
    [["--status", "<300"], ({ response_repr }) => [200, 201].includes(response_repr?.status_code)],
    [["--request", "req-12"], ({ request_id }) => request_id === "req-12"],
    [["--name", "audit.login"], ({ name }) => name === "audit.login"],
    [["--log", "audit,login"], (record) => ["audit", "login"].includes(logOf(record))],
    [["--since", "2026-01-05 09:01"], ({ timestamp }) => timestamp >= "2026-01-05 09:01:00.000"],
    [
      ["--since", "2026-01-05T11:00:30.5+02:00", "--until", "2026-01-05T09:01Z"],
      ({ timestamp }) => timestamp >= "2026-01-05 09:00:30.500" && timestamp < "2026-01-05 09:01:00.000",
    ],
    [["--text", "STRASSE"], () => false],
    [["--text", 'straße "42"\n\\'], ({ extra }) => "note" in extra],
    [["--text", "naïve CAFÉ"], ({ message }) => message === "naïve café"],
    [["--text", "error_message"], () => false],
    ...["ΟΔΟΣ", "οδος", "İstanbul", "istanbul", "ΣΟΦΙΑ"].map(
      (text): [string[], (record: Made) => boolean] => [
        ["--text", text],
        ({ extra }) => extra.place !== undefined,
      ],
    ),
    [["--text", "%"], () => false],
    [
      ["--outcome", "failure", "--user", "3", "--status", "503"],
      ({ outcome, user, response_repr }) =>
        outcome === "failure" && user?.id === 3 && response_repr?.status_code === 503,
    ],
  ];

  for (const engine of ENGINES) {
    it(`finds what each filter asks for: ${engine.join(" ")}`, async () => {
      // All of them by SQL are below, without a process for each.
      const some = engine.includes("duckdb") ? cases.slice(0, 3) : cases;
      for (const [args, wanted] of some) {
        const { code, stdout, stderr } = await cli([
          "query",
          "-d",
          folder.path,
          "--json",
          ...engine,
          ...args,
        ]);
        const expected = sorted(records.filter(wanted));
        assert.deepEqual(sorted(objects(stdout)), expected, args.join(" "));
        assert.equal(code, expected.length > 0 ? 0 : 1, stderr);
      }
    });

    it(`counts lines that are no records, and does not count the one that is being written: ${engine.join(" ")}`, async () => {
      const { stderr } = await cli(["query", "-d", folder.path, "--json", ...engine]);
      assert.match(stderr, /^2 lines are no records/u);
    });

    it(`gives the newest first, no more than asked: ${engine.join(" ")}`, async () => {
      const args = [
        "query",
        "-d",
        folder.path,
        "--json",
        "--newest",
        "-n",
        "25",
        "--name",
        "audit.crud",
        ...engine,
      ];
      const { stdout } = await cli(args);
      const all = records.filter(({ name }) => name === "audit.crud");
      assert.deepEqual(objects(stdout).map(well), all.slice(-25).toReversed().map(well));
      const first = await cli(["query", "-d", folder.path, "--json", "-n", "3", ...engine]);
      assert.deepEqual(objects(first.stdout).map(well), records.slice(0, 3).map(well));
    });
  }

  it("finds by SQL what each filter asks for", async () => {
    const store = await TrailStore.open(await findFiles(folder.path));
    try {
      for (const [args, wanted] of cases) {
        // Which files are read is not the engine's question.
        if (args.includes("--log")) continue;
        const filter = filterOf(withFilters(new Command()).parse(args, { from: "user" }).opts());
        const found: Made[] = [];
        for await (const batch of store.records({ filter })) found.push(...batch);
        assert.deepEqual(found, sorted(records.filter(wanted)), args.join(" "));
      }
    } finally {
      await store.close();
    }
  });

  it("lets through the same by SQL as in JavaScript, for any filter", async () => {
    const store = await TrailStore.open(await findFiles(folder.path));
    const random = randomOf(SEED);
    const some = <T>(...values: T[]): T[] | undefined =>
      random(4) === 0 ? values.filter(() => random(2) === 0) : undefined;
    try {
      for (let round = 0; round < 60; round += 1) {
        const filter: RecordFilter = {
          user: some("7", "8", "nobody"),
          model: some("Patient", "Report"),
          id: some("9", "199", "a"),
          event: some("UPDATE", "login", "x"),
          outcome: some("failure", "success"),
          route: some("*", "/w*s", "/patients"),
          status: some("2xx", ">404", "<=201"),
          since: random(4) === 0 ? moment("since", "2026-01-05 09:00:40", 0) : undefined,
          text: random(6) === 0 ? ["wa", "end", "é", '"', "\\", "7"][random(6)] : undefined,
        };
        const match = matcher(filter);
        const found: Made[] = [];
        for await (const batch of store.records({ filter })) found.push(...batch);
        const expected = sorted(records.filter((record) => match.test(record as never)));
        assert.deepEqual(found, expected, JSON.stringify(filter));
      }
    } finally {
      await store.close();
    }
  });

  it("answers SQL over records", async () => {
    const crud = records.filter(({ name }) => name === "audit.crud");
    const counts = new Map<string, number>();
    for (const { model, event_type } of crud) {
      const key = `${model} ${event_type}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const sql = `SELECT model, event_type, count(*) AS n FROM records WHERE name = 'audit.crud' GROUP BY ALL`;
    for (const more of [[], ["--no-cache"]]) {
      const rows = await ask(sql, ...more);
      assert.deepEqual(new Map(rows.map((row) => [`${row.model} ${row.event_type}`, row.n])), counts);
    }
    const wards = await ask(
      `SELECT record_id, changed_fields->'$.ward.to' AS ward FROM records WHERE event_type = 'UPDATE'`,
    );
    const updates = records.filter(({ event_type }) => event_type === "UPDATE");
    assert.deepEqual(
      new Map(wards.map((row) => [row.record_id, JSON.parse(row.ward ?? "null")])),
      new Map(updates.map((row) => [row["record_id"], row["changed_fields"].ward.to])),
    );
    const [whole] = await ask(`SELECT * FROM records WHERE record_id = '${records[0]!["record_id"]}'`);
    assert.deepEqual(JSON.parse(whole.record), well(records[0]!));
    assert.equal((await ask("SELECT sum(execution_time) AS s, max(time) AS t FROM records")).length, 1);
  });

  it("shows a table to people, in which hostile names do nothing", async () => {
    const sql = `SELECT count(*) AS "n\u001b[31m", '\u001b]0;x\u0007' AS v, NULL AS nothing FROM records`;
    const { stdout } = await cli(["query", "-d", folder.path, "--sql", sql]);
    assert.match(stdout, /2500 │ \\u001b\]0;x\\u0007 │ –/u);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f]/u);
  });

  it("refuses what is no question about the trail", async () => {
    for (const sql of [
      "DROP VIEW records",
      "SELECT 1; SELECT 2",
      "",
      "SELEC 1",
      "SELECT CAST(message AS INT) FROM records",
      "SELECT * FROM read_text('/etc/passwd')",
      `COPY (SELECT 1) TO '${folder.path}/x.csv'`,
      "SET memory_limit = '90GB'",
      "INSTALL httpfs",
      "ATTACH '/tmp/x.db'",
    ]) {
      const { code, stdout, stderr } = await cli(["query", "-d", folder.path, "--sql", sql]);
      assert.deepEqual([code, stdout], [2, ""], sql);
      assert.match(stderr, /AUDIT_SQL_REFUSED/u, sql);
    }
  });

  it("is not asked with filters beside the question, which would be left out", async () => {
    for (const filter of [["--since", "1d"], ["--user", "7"], ["-n", "1"], ["--newest"]]) {
      const asked = ["query", "-d", folder.path, "--sql", "SELECT 1", ...filter];
      const { code, stdout, stderr } = await cli(asked);
      assert.deepEqual([code, stdout], [2, ""], filter.join(" "));
      assert.match(stderr, /'--sql <select>' cannot be used with/u);
    }
  });

  it("is told of wrong filters with exit code 2", async () => {
    for (const args of [
      ["--status", "abc"],
      ["--since", "tomorrow"],
      ["-n", "-1"],
      ["--engine", "x"],
      ["--nope"],
    ]) {
      const { code, stdout } = await cli(["query", "-d", folder.path, ...args]);
      assert.deepEqual([code, stdout], [2, ""], args.join(" "));
    }
  });
});

describe("activity-audit stats", () => {
  for (const engine of ENGINES) {
    it(`counts what there is: ${engine.join(" ")}`, async () => {
      const { code, stdout } = await cli(["stats", "-d", folder.path, "--json", "--top", "1000", ...engine]);
      assert.equal(code, 0);
      const [stats] = objects(stdout);
      assert.equal(stats.records, records.length);
      assert.equal(stats.failures, records.filter(({ outcome }) => outcome === "failure").length);
      assert.deepEqual([stats.from, stats.to], [records[0]!["timestamp"], records.at(-1)!["timestamp"]]);
      for (const { user, records: count, failures } of stats.actors) {
        const own = records.filter((record) => `${record["user"]?.id}` === user);
        assert.deepEqual(
          [count, failures],
          [own.length, own.filter(({ outcome }) => outcome === "failure").length],
        );
      }
      assert.equal(stats.actors.length, 40);
      for (const { method, route, records: count, p50, p95, p99, max } of stats.routes) {
        const times = records
          .filter((one) => one["name"] === "audit.request" && one["request_type"] === "internal")
          .filter((one) => one["request_repr"].method === method && one["route"] === route)
          .map((one) => one["execution_time"] as number);
        assert.deepEqual(
          [count, p50, p95, p99, max],
          [times.length, rank(times, 0.5), rank(times, 0.95), rank(times, 0.99), Math.max(...times)],
        );
      }
      assert.equal(stats.routes.length, 6);
      assert.deepEqual(
        stats.services.map(({ service, records: count }: Made) => [service, count]).toSorted(),
        ["apollo", "lab"].map((service) => [
          service,
          records.filter((one) => one["name"] === "audit.request" && one["service_name"] === service).length,
        ]),
      );
    });
  }

  it("says the same whichever engine counts, whatever is asked", async () => {
    for (const args of [
      [],
      ["--user", "7"],
      ["--status", "5xx", "--top", "2"],
      ["--since", "2026-01-05 09:01"],
      ["--text", "nowhere"],
    ]) {
      const answers = await Promise.all(
        ENGINES.map((engine) => cli(["stats", "-d", folder.path, "--json", ...engine, ...args])),
      );
      assert.equal(answers[1]!.stdout.length > 10, true);
      for (const { stdout, code } of answers) {
        assert.deepEqual(JSON.parse(stdout), JSON.parse(answers[0]!.stdout));
        assert.equal(code, args.includes("nowhere") ? 1 : 0);
      }
    }
    const { stdout } = await cli(["stats", "-d", folder.path]);
    assert.match(stdout, /^2500 records from /u);
  });
});
