/**
 * The trail, asked by programs: what the commands of the same names answer.
 */
import assert from "node:assert/strict";
import { appendFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { lineOf, openTrail, type TrailQuery, type TreeNode } from "activity-audit/read";
import { run } from "../writer/support.js";
import { cli, objects } from "./cli.js";
import { makeRecords, temporaryFolder, writeTrail, type Made } from "./trail.js";

async function all<T>(of: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of of) found.push(one);
  return found;
}

/** Depth first, as the command line prints it. */
function flat(nodes: readonly TreeNode[], depth = 0): { depth: number; record: unknown }[] {
  return nodes.flatMap(({ record, children }) => [{ depth, record }, ...flat(children, depth + 1)]);
}

describe("openTrail", () => {
  const folder = temporaryFolder();
  after(() => folder[Symbol.dispose]());
  const records = makeRecords(1000, 17);
  for (const [index, record] of records.entries()) {
    if (index % 5 > 0) record["parent_id"] = records[index - (index % 5 > 1 ? 2 : 1)]!["record_id"];
  }
  writeTrail(folder.path, records);
  const trail = openTrail(folder.path);
  const answered = async (...args: string[]) => objects((await cli([...args, "-d", folder.path])).stdout);

  const QUERIES: Record<string, [TrailQuery, (record: Made) => boolean]> = {
    "all of it": [{}, () => true],
    "two values of a field": [
      { model: ["Patient"], event: ["UPDATE", "DELETE"] },
      ({ model, event_type }) => model === "Patient" && (event_type === "UPDATE" || event_type === "DELETE"),
    ],
    "a span of time, as text and as Date": [
      { since: "2026-01-05 09:00:05", until: new Date("2026-01-05T09:00:20.000Z") },
      ({ timestamp }) => timestamp >= "2026-01-05 09:00:05.000" && timestamp < "2026-01-05 09:00:20.000",
    ],
    "nothing that is there": [{ user: ["nobody"] }, () => false],
  };
  for (const [name, [query, holds]] of Object.entries(QUERIES)) {
    it(`finds ${name}, by time`, async () => {
      const wanted = records.filter(holds);
      assert.deepEqual(await all(trail.query(query)), wanted);
      const newest = { ...query, newestFirst: true, limit: 7 };
      assert.deepEqual(await all(trail.query(newest)), wanted.toReversed().slice(0, 7));
      assert.deepEqual(await all(trail.query({ ...query, limit: 7 })), wanted.slice(0, 7));
    });
  }

  it("can be left amid an answer", async () => {
    for await (const record of trail.query({ name: ["audit.crud"] })) {
      assert.equal(lineOf(record), JSON.stringify(records.find(({ name }) => name === "audit.crud")));
      break;
    }
  });

  it("answers `history`, `as-of` and `timeline` as the command line does", async () => {
    const { instance_id: id } = records.find(({ model }) => model === "Patient") as Made;
    const versions = await trail.history("Patient", id);
    assert.deepEqual(
      versions.map(({ record }) => record),
      (await answered("history", "Patient", id, "--json")).map(({ record }) => record),
    );
    const at = versions[0]!.record.timestamp;
    const [told] = await answered("as-of", "Patient", id, at, "--json");
    for (const time of [at, new Date(`${at.replace(" ", "T")}Z`)]) {
      const { row, basis, record } = await trail.asOf("Patient", id, time);
      assert.deepEqual(
        { row, basis, record_id: record?.record_id },
        { row: told.row, basis: told.basis, record_id: told.record_id },
      );
    }
    const steps = (await answered("timeline", "req-3", "--json")).map(({ depth, record }) => ({
      depth,
      record,
    }));
    assert.equal(steps.length, 5);
    assert.deepEqual(flat(await trail.timeline("req-3")), steps);
    assert.deepEqual(await trail.timeline("no such request"), []);
  });

  it("sees what was written since, only of the logs that were asked for, and counts what is no record", async () => {
    using made = temporaryFolder();
    const [one, two] = makeRecords(2, 3).map((record) => `${JSON.stringify(record)}\n`);
    const audit = join(made.path, "audit.log");
    writeFileSync(audit, one!);
    writeFileSync(join(made.path, "api.log"), two!);
    const asked = openTrail(made.path, { logs: ["audit"] });
    assert.deepEqual((await all(asked.query())).map(lineOf), [one!.trim()]);
    appendFileSync(audit, `no record\n${two}`);
    assert.deepEqual((await all(asked.query())).map(lineOf), [one!.trim(), two!.trim()]);
    assert.deepEqual(asked.report.badLines, [
      { path: audit, line: 2, offset: one!.length, why: "no record" },
    ]);
  });

  it("verifies", async () => {
    using made = temporaryFolder();
    const key = "a key of the specs, 32 bytes long";
    await run("writes", [made.path, "exit", "20"], { SEAL: JSON.stringify({ key }) });
    const sealed = openTrail(made.path);
    assert.equal((await sealed.verify({ key: Buffer.from(key) })).status, "intact");
    assert.equal((await sealed.verify({ key: Buffer.from(`not ${key}`) })).status, "incomplete");
  });

  it("says what is wrong with a question", async () => {
    const refused = (query: unknown) => all(trail.query(query as TrailQuery));
    await assert.rejects(refused({ models: ["Patient"] }), { code: "AUDIT_OPTION_UNKNOWN" });
    await assert.rejects(refused({ model: "Patient" }), {
      code: "AUDIT_OPTION_INVALID",
      message: /`query\.model` is "Patient"; expected a list of texts/u,
    });
    await assert.rejects(refused({ newestFirst: true }), { message: /a `limit` beside `newestFirst`/u });
    await assert.rejects(refused({ status: ["good"] }), { code: "AUDIT_FILTER_INVALID" });
    await assert.rejects(trail.asOf("Patient", "1", "yesterday"), { code: "AUDIT_FILTER_INVALID" });
    assert.throws(() => openTrail("x", { log: ["audit"] } as never), { code: "AUDIT_OPTION_UNKNOWN" });
    await assert.rejects(openTrail(join(folder.path, "nowhere")).timeline("r"), {
      code: "AUDIT_TRAIL_MISSING",
    });
  });
});
