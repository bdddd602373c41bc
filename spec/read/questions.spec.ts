/**
 * `timeline`, `history` and `as-of` on the clinic's own trail, against its database; and on files that somebody made.
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { driveClinic, Visitor } from "#demo/script";
import { startWorld } from "#demo/world";
import { openTrail } from "activity-audit/read";
import { installRowTruth, readRowTruth, type TrueChange } from "../demo/truth.js";
import { cli, objects } from "./cli.js";
import { makeRecords, temporaryFolder, type Made } from "./trail.js";

/** A row as the database had it at a moment; what the trail masks or leaves out is not compared. */
interface Snapshot {
  readonly at: string;
  readonly row: Made | undefined;
}

const folder = temporaryFolder();
const comparable = (row: Made) => ({ id: row["id"], name: row["name"], ward: row["ward"] });

const byId = (a: Made, b: Made) => (a["record_id"] < b["record_id"] ? -1 : 1);

const madeRow = (at: string, event: string, more: Made): Made => ({
  ...makeRecords(1, 1)[0]!,
  timestamp: `2026-01-05 09:00:${at}.000`,
  name: "audit.crud",
  level: "AUDIT",
  record_id: `id-${at}`,
  model: "Bed",
  event_type: event,
  instance_id: "7",
  instance_repr: null,
  changed_fields: {},
  ...more,
});

const moved = (from: unknown, to: unknown) => ({ from, to });
const changed = (from: string, to: string) => ({ changed_fields: { ward: moved(from, to) } });
const bed = (id: number) => ({ id, ward: "a" });

const fromRecord = (basis: string) => `the record ${basis}`;

describe("the clinic's trail", () => {
  const snapshots: Snapshot[] = [];
  let patient: string;
  let truth: TrueChange[];
  let records: Made[];

  before(async () => {
    const world = await startWorld({ directory: folder.path, prepare: installRowTruth });
    const read = async () => {
      await sleep(3);
      const [row] = await world.dataSource.query(`SELECT * FROM patient WHERE id = ?`, [patient]);
      snapshots.push({ at: new Date().toISOString(), row });
      await sleep(3);
    };
    await driveClinic(world.url, () => undefined);
    const visitor = new Visitor(world.url);
    await visitor.login("ana@clinic.test", "correct horse");
    patient = "";
    await read();
    const admitted = await visitor.call("POST", "/patients", { name: "Kurt", phone: "+1 202 555 0100" });
    patient = admitted.body.id;
    for (const [method, path, body] of [
      ["PATCH", `/patients/${patient}`, { phone: "+1 202 555 0101" }],
      ["POST", "/wards/moves", { from: "intake", to: "east" }],
      ["POST", "/wards/closures", { ward: "east" }],
      ["POST", "/wards/moves", { from: "east", to: "south" }],
      ["DELETE", `/patients/${patient}`],
      ["POST", `/patients/${patient}/readmission`],
      ["DELETE", `/patients/${patient}/file`],
    ] as const) {
      await read();
      await visitor.call(method, path, body);
    }
    await read();
    truth = await readRowTruth(world.dataSource);
    await world.close();
    records = ["audit.log", "api.log", "login.log", "app.log"].flatMap((name) =>
      readFileSync(join(folder.path, name), "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Made),
    );
  });
  after(() => folder[Symbol.dispose]());

  it("tells a row as it was, at each moment", async () => {
    assert.ok(snapshots.length > 8);
    for (const { at, row } of snapshots) {
      const { code, stdout } = await cli(["as-of", "Patient", patient, at, "--dir", folder.path, "--json"]);
      const [answer] = objects(stdout);
      assert.deepEqual(answer.row && comparable(answer.row), row === undefined ? null : comparable(row), at);
      assert.deepEqual([answer.known, answer.exists, answer.doubts], [true, row !== undefined, []]);
      assert.equal(code, row === undefined ? 1 : 0);
    }
  });

  it("tells a row's versions as the database's triggers saw them", async () => {
    const { stdout } = await cli(["history", "Patient", patient, "--dir", folder.path, "--json"]);
    const versions = objects(stdout);
    const seen = truth.filter(
      ({ table, before: old, after: new_ }) => table === "patient" && (old ?? new_)!["id"] === patient,
    );
    assert.equal(versions.length, seen.length);
    for (const [index, { before: old, after: new_ }] of seen.entries()) {
      const { changes, unrecorded, version } = versions[index]!;
      assert.equal(version, index + 1);
      assert.deepEqual(unrecorded, {});
      for (const field of ["name", "ward"]) {
        const [from, to] = [old?.[field] ?? null, new_?.[field] ?? null];
        assert.deepEqual(changes[field], from === to ? undefined : { from, to });
      }
    }
    const human = await cli(["history", "Patient", patient, "--dir", folder.path]);
    assert.match(human.stdout, /ward: "intake" → "east"/u);
  });

  it("shows who read a row, when asked", async () => {
    const [reading] = records.filter(
      ({ event_type, instance_ids }) => event_type === "READ" && instance_ids?.length,
    );
    const id = reading!["instance_ids"][0] as string;
    const { stdout } = await cli(["history", "Patient", id, "--dir", folder.path, "--json", "--reads"]);
    const reads = objects(stdout).filter(({ record }) => record.event_type === "READ");
    assert.deepEqual(
      reads.map(({ record }) => record.record_id),
      records
        .filter(({ event_type, instance_ids }) => event_type === "READ" && instance_ids?.includes(id))
        .map(({ record_id }) => record_id),
    );
  });

  it("tells each request's story with every record under the one that caused it", async () => {
    const requests = new Set(records.map(({ request_id }) => request_id as string | null));
    requests.delete(null);
    const longest = [...requests]
      .map((id) => records.filter(({ request_id }) => request_id === id))
      .toSorted((a, b) => b.length - a.length)
      .slice(0, 8);
    for (const story of longest) {
      const id = story[0]!["request_id"] as string;
      const { code, stdout } = await cli(["timeline", id, "--dir", folder.path, "--json"]);
      assert.equal(code, 0);
      const steps = objects(stdout);
      assert.deepEqual(steps.map(({ record }) => record).toSorted(byId), story.toSorted(byId));
      const path: Made[] = [];
      for (const { depth, record } of steps) {
        path.length = depth;
        const parent = path.at(-1);
        const known = story.some(({ record_id }) => record_id === record.parent_id);
        assert.equal(parent?.["record_id"] ?? null, known ? record.parent_id : null);
        path.push(record);
      }
      const human = await cli(["timeline", id, "--dir", folder.path]);
      assert.equal(human.stdout.split("\n").length, story.length + 1);
    }
  });
});

describe("timeline on files that somebody made", () => {
  it("leaves nothing out where records go in circles, miss their parents, or go deep", async () => {
    using made = temporaryFolder();
    const records = makeRecords(20_010, 5).map((record) => ({ ...record, request_id: "r" }) as Made);
    const [a, b, c] = records as [Made, Made, Made];
    [a["parent_id"], b["parent_id"], c["parent_id"]] = [b["record_id"], a["record_id"], c["record_id"]];
    records[3]!["parent_id"] = "nobody";
    for (let index = 5; index < 3000; index += 1)
      records[index]!["parent_id"] = records[index - 1]!["record_id"];
    writeFileSync(
      join(made.path, "audit.log"),
      records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    );
    const { code, stdout } = await cli(["timeline", "r", "--dir", made.path, "--json"]);
    assert.equal(code, 0);
    const shown = objects(stdout).map(({ record }) => record.record_id);
    assert.deepEqual(shown.toSorted(), records.map(({ record_id }) => record_id as string).toSorted());
  });

  it("finds nothing with code 1", async () => {
    using made = temporaryFolder();
    writeFileSync(join(made.path, "audit.log"), "");
    for (const args of [
      ["timeline", "r"],
      ["history", "Patient", "9"],
      ["as-of", "Patient", "9", "now"],
    ]) {
      const { code, stderr } = await cli([...args, "--dir", made.path]);
      assert.equal(code, 1, stderr);
    }
  });
});

describe("as-of and history where the trail does not say all", () => {
  const lines = [
    madeRow("10", "UPDATE", {
      instance_repr: { id: 7, ward: "b" },
      changed_fields: { ward: { from: "a", to: "b" } },
    }),
    madeRow("20", "UPDATE", {
      instance_id: null,
      row_count: 5000,
      instance_ids: ["1", "2"],
      statement: "UPDATE bed",
    }),
    madeRow("25", "UPDATE", { instance_id: null, row_count: 2, instance_ids: ["1", "2"] }),
    madeRow("30", "UPDATE", {
      instance_repr: { id: 7, ward: "d" },
      changed_fields: { ward: { from: "c", to: "d" } },
    }),
    madeRow("40", "TRUNCATE", { instance_id: null }),
    madeRow("50", "CREATE", { model: "Key", instance_id: '{"a":1,"b":2}', instance_repr: { a: 1, b: 2 } }),
    madeRow("55", "CREATE", { instance_id: "8", instance_repr: "not a row", changed_fields: { ward: null } }),
  ];

  it("says so", async () => {
    using made = temporaryFolder();
    writeFileSync(join(made.path, "audit.log"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const asOf = async (time: string, ...of: string[]) => {
      const at = `2026-01-05 09:00:${time}`;
      const { stdout, stderr } = await cli([
        "as-of",
        ...(of.length > 0 ? of : ["Bed", "7"]),
        at,
        "-d",
        made.path,
        "--json",
      ]);
      assert.equal(stderr, "");
      const { row: found, basis, doubts, known } = objects(stdout)[0];
      return { row: found, basis, doubts, known };
    };
    assert.deepEqual(await asOf("05"), {
      row: { id: 7, ward: "a" },
      basis: fromRecord("after"),
      doubts: [],
      known: true,
    });
    assert.deepEqual(await asOf("15"), {
      row: { id: 7, ward: "b" },
      basis: fromRecord("before"),
      doubts: [],
      known: true,
    });
    assert.deepEqual(await asOf("27"), {
      row: { id: 7, ward: "b" },
      basis: fromRecord("before"),
      doubts: ["id-20"],
      known: true,
    });
    assert.deepEqual(await asOf("45"), { row: null, basis: fromRecord("before"), doubts: [], known: true });
    assert.deepEqual(await asOf("59", "Key", '{"b": 2, "a": 1}'), {
      row: { a: 1, b: 2 },
      basis: fromRecord("before"),
      doubts: [],
      known: true,
    });
    assert.deepEqual(await asOf("59", "Lamp", "1"), {
      row: null,
      basis: "no record",
      doubts: [],
      known: false,
    });
    const { stdout } = await cli(["history", "Bed", "7", "-d", made.path, "--json"]);
    assert.deepEqual(
      objects(stdout).map(({ record, unrecorded }) => [record.record_id, unrecorded]),
      [
        ["id-10", {}],
        ["id-20", {}],
        ["id-30", { ward: { from: "b", to: "c" } }],
        ["id-40", {}],
      ],
    );
    for (const command of [
      ["history", "Bed", "8"],
      ["as-of", "Bed", "8", "now"],
    ]) {
      assert.equal((await cli([...command, "-d", made.path])).stderr, "");
    }
  });

  it("names what may have changed the row up to the record that it is known from", async () => {
    using made = temporaryFolder();
    const certain = { outcome: "success" };
    const of = (at: string, event: string, more: Made) => madeRow(at, event, { ...certain, ...more });
    const own = (at: string, event: string, ward: string, more: Made = {}) =>
      of(at, event, { instance_repr: { id: 7, ward }, ...more });
    const gap = {
      ...makeRecords(1, 1)[0]!,
      ...certain,
      timestamp: "2026-01-05 09:00:38.000",
      level: "AUDIT",
      name: "audit.trail",
      record_id: "id-gap",
      event_type: "GAP",
      details: { from: "2026-01-05 09:00:35.000", to: "2026-01-05 09:00:36.000", count: 3, why: "full" },
    };
    const all = [
      of("10", "STATEMENT", { instance_id: null, statement: "UPDATE bed" }),
      of("20", "UPDATE", { instance_id: null, row_count: 9, instance_ids: ["1"] }),
      own("30", "UPDATE", "b", changed("a", "b")),
      gap,
      own("40", "UPDATE", "c", changed("b", "c")),
      own("50", "UPDATE", "d", { ...changed("c", "d"), outcome: "unknown" }),
      of("55", "TRUNCATE", { instance_id: null, outcome: "unknown" }),
    ];
    writeFileSync(join(made.path, "audit.log"), all.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const trail = openTrail(made.path);
    const asOf = async (seconds: string) => {
      const { row, basis, doubts } = await trail.asOf("Bed", "7", `2026-01-05 09:00:${seconds}`);
      return [row?.["ward"], basis, doubts.map(({ record_id }) => record_id)];
    };
    assert.deepEqual(await asOf("05"), ["a", "the record after", ["id-10", "id-20"]]);
    assert.deepEqual(await asOf("15"), ["a", "the record after", ["id-20"]]);
    assert.deepEqual(await asOf("25"), ["a", "the record after", []]);
    assert.deepEqual(await asOf("34"), ["b", "the record before", []]);
    assert.deepEqual(await asOf("37"), ["b", "the record before", ["id-gap"]]);
    assert.deepEqual(await asOf("45"), ["c", "the record before", []]);
    assert.deepEqual(await asOf("52"), ["c", "the record before", ["id-50"]]);
    assert.deepEqual(await asOf("59"), ["c", "the record before", ["id-50", "id-55"]]);
    const args = ["as-of", "Bed", "7", "-d", made.path];
    const { stdout } = await cli([...args, "2026-01-05 09:00:59"]);
    assert.match(stdout, /! 2026-01-05 09:00:50\.000 UPDATE, outcome unknown, may have changed it\n/u);
    const lost = await cli([...args, "2026-01-05 09:00:37"]);
    assert.match(lost.stdout, /! 2026-01-05 09:00:38\.000 GAP: one of the records that were lost/u);
  });

  it("follows a row to another key, and away from it", async () => {
    using made = temporaryFolder();
    const all = [
      madeRow("10", "CREATE", { instance_id: "7", instance_repr: bed(7) }),
      // What changes is not the key, but has the same values.
      madeRow("15", "UPDATE", {
        instance_id: "9",
        instance_repr: { id: 9, ward: 9 },
        changed_fields: { ward: moved(7, 9) },
      }),
      madeRow("20", "UPDATE", {
        instance_id: "8",
        instance_repr: bed(8),
        changed_fields: { id: moved(7, 8) },
      }),
      madeRow("30", "UPDATE", {
        instance_id: '{"a":1,"b":3}',
        instance_repr: { a: 1, b: 3, ward: "x" },
        changed_fields: { b: moved(2, 3), ward: moved("y", "x") },
      }),
    ].map((record) => ({ ...record, outcome: "success" }));
    writeFileSync(join(made.path, "audit.log"), all.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const trail = openTrail(made.path);
    const asOf = async (id: string, seconds: string) => {
      const { row: found, basis } = await trail.asOf("Bed", id, `2026-01-05 09:00:${seconds}`);
      return [found, basis];
    };
    assert.deepEqual(await asOf("7", "12"), [bed(7), "the record before"]);
    assert.deepEqual(await asOf("7", "18"), [bed(7), "the record before"]);
    assert.deepEqual(await asOf("7", "25"), [null, "the record before"]);
    assert.deepEqual(await asOf("8", "18"), [null, "the record after"]);
    assert.deepEqual(await asOf("8", "25"), [bed(8), "the record before"]);
    assert.deepEqual(await asOf('{"b":2,"a":1}', "05"), [{ a: 1, b: 2, ward: "y" }, "the record after"]);
    assert.deepEqual(await asOf('{"b":2,"a":1}', "35"), [null, "the record before"]);
    assert.deepEqual(await asOf('{"a":1,"b":3}', "05"), [null, "the record after"]);
    const versions = await trail.history("Bed", "7");
    assert.deepEqual(
      versions.map(({ record, changes, unrecorded }) => [record.record_id, changes, unrecorded]),
      [
        ["id-10", { id: { from: undefined, to: 7 }, ward: { from: undefined, to: "a" } }, {}],
        ["id-20", { id: moved(7, 8) }, {}],
      ],
    );
  });

  it("refuses a time that is none", async () => {
    for (const time of ["yesterday", "2026-02-31", "2026-13-01", "25h ago", ""]) {
      const { code, stderr } = await cli(["as-of", "Bed", "7", time, "-d", folder.path]);
      assert.equal(code, 2);
      assert.match(stderr, /AUDIT_(?:FILTER_INVALID|TRAIL_MISSING)/u);
    }
  });
});

describe("records with numbers that JavaScript cannot hold", () => {
  it("come out with all their digits", async () => {
    using made = temporaryFolder();
    const line = JSON.stringify({
      ...makeRecords(1, 1)[0],
      request_id: "r",
      name: "audit.crud",
      model: "Bed",
      instance_id: "7",
    });
    const exact = line.replace('"extra":{}', '"extra":{"n":12345678901234567890.10,"m":1.0,"k":1e400}');
    assert.notEqual(JSON.stringify(JSON.parse(exact)), exact);
    writeFileSync(join(made.path, "audit.log"), `${exact}\n`);
    for (const engine of ["js", "duckdb"]) {
      for (const args of [
        ["query", "--json"],
        ["export", "--format", "ndjson"],
      ]) {
        const { stdout } = await cli([...args, "--dir", made.path, "--engine", engine]);
        assert.equal(stdout, `${exact}\n`, `${args[0]} by ${engine}`);
      }
    }
    const { stdout } = await cli(["tail", "--json", "--dir", made.path]);
    assert.equal(stdout, `${exact}\n`);
    for (const args of [
      ["timeline", "r"],
      ["history", "Bed", "7"],
    ]) {
      const answer = await cli([...args, "--json", "--dir", made.path]);
      assert.ok(answer.stdout.includes(`"record":${exact}}`), answer.stdout);
    }
  });

  it("are JSON also where the line has blanks of its own", async () => {
    using made = temporaryFolder();
    const [record] = makeRecords(1, 1);
    const line = JSON.stringify({ ...record, message: "a\u2028b" })
      .replace('"level":', '\t"level"\t: ')
      .replace('"extra":{}', '"extra":{"n":12345678901234567890}');
    writeFileSync(join(made.path, "audit.log"), `${line}\r\n`);
    for (const args of [
      ["tail", "--json"],
      ["query", "--json", "--engine", "duckdb"],
    ]) {
      const { stdout } = await cli([...args, "--dir", made.path]);
      assert.deepEqual(objects(stdout), [
        { ...record, message: "a\u2028b", extra: { n: Number("12345678901234567890") } },
      ]);
      assert.match(stdout, /"n":12345678901234567890\}/u);
      assert.doesNotMatch(stdout, /[\t\r\u2028]/u);
    }
  });
});
