/**
 * `kill -9` before, while and after statements that may commit by themselves: what was committed has its record, row by
 * row or as the statement that it was; only of the statement that the process died in it is not known how it ended.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { DataSource } from "typeorm";
import { randomOf } from "../acts.js";
import { outboxServers, type OutboxServer } from "../../support/outbox-servers.js";
import { assertRecord, type WrittenRecord } from "../../support/schema.js";
import { options } from "./killed/entry.js";
import { setUp, slow, type Kind } from "./killed/steps.js";
import { until } from "../../support/until.js";

const WORKERS = 3;
const kills = Number(process.env["OUTBOX_KILLS"] ?? 3);
const seed = Number(process.env["ROWS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const database = `audit_intents_kill_${process.pid}`;

/** A database, the trail of all who write to it, and how to look at both. */
class Place {
  readonly logs = mkdtempSync(join(tmpdir(), "audit-killed-"));
  readonly #server: OutboxServer;
  readonly #kind: Kind;
  readonly plain: DataSource;

  constructor(server: OutboxServer) {
    this.#server = server;
    this.#kind = server.options.type as Kind;
    this.plain = new DataSource(options(this.#kind, database));
  }

  async make(): Promise<void> {
    await this.plain.initialize();
    await this.plain.synchronize();
    for (const text of setUp[this.#kind]) await this.plain.query(text);
  }

  start(own: number, task: string): ChildProcess {
    const program = join(__dirname, "killed/intents.js");
    return spawn(process.execPath, [program, this.#kind, database, this.logs, String(own), task], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  }

  async killed(own: number, after: number, ms: number): Promise<void> {
    const child = this.start(own, "write");
    const exited = once(child, "exit");
    let done = 0;
    await new Promise<void>((resolve, reject) => {
      child.stdout!.on("data", (dots: Buffer) => {
        done += dots.length;
        if (done >= after) resolve();
      });
      child.once("exit", () => reject(new Error("The worker ended by itself.")));
    });
    await new Promise((resolve) => setTimeout(resolve, ms));
    child.kill("SIGKILL");
    await exited;
  }

  /** Another process, when the server is done with the statements of the dead. */
  async finish(): Promise<void> {
    await this.plain.destroy();
    await until(async () => (await this.#server.sessions()) === 0);
    await this.plain.initialize();
    const child = this.start(0, "end");
    let output = "";
    child.stdout!.on("data", (text: Buffer) => (output += String(text)));
    await once(child, "close");
    assert.deepEqual(JSON.parse(output), []);
    assert.deepEqual(await this.plain.query("SELECT id FROM audit_outbox"), []);
  }

  /** What was committed, by request. */
  async truth(): Promise<Map<string, string[]>> {
    const rows = (await this.plain.query("SELECT request, name FROM truth ORDER BY seq")) as {
      request: string;
      name: string;
    }[];
    return grouped(rows, ({ name }) => name);
  }

  /** Each record once, by request. */
  records(): Map<string, WrittenRecord[]> {
    const byId = new Map<string, WrittenRecord>();
    const files = readdirSync(this.logs).filter((file) => file.startsWith("audit"));
    for (const line of files.flatMap((file) => readFileSync(join(this.logs, file), "utf8").split("\n"))) {
      // A killed writer leaves half a line.
      if (!line.startsWith("{") || !line.endsWith("}") || !line.includes('"name":"audit.crud"')) continue;
      const record = assertRecord(line);
      byId.set(record["record_id"], record);
    }
    const all = [...byId.values()].map((record) => ({ request: String(record["request_id"]), record }));
    return grouped(all, ({ record }) => record);
  }

  async drop(): Promise<void> {
    await this.plain.destroy();
    rmSync(this.logs, { recursive: true, force: true });
  }
}

function grouped<Item extends { readonly request: string }, Value>(
  items: readonly Item[],
  value: (item: Item) => Value,
): Map<string, Value[]> {
  const groups = new Map<string, Value[]>();
  for (const item of items) groups.set(item.request, [...(groups.get(item.request) ?? []), value(item)]);
  return groups;
}

const brief = ({ event_type, outcome, instance_repr }: WrittenRecord): string =>
  `${event_type} ${outcome} ${instance_repr?.name ?? ""}`.trim();

/** Whether these records say all of these rows, and no other: one by one, or as the statement of a procedure. */
function isExact(records: readonly WrittenRecord[], names: readonly string[]): boolean {
  const told = records.map(brief);
  if (told.length === 1 && told[0] === "STATEMENT success") return names.length > 0;
  if (told.length === 1 && told[0] === "STATEMENT failure") return names.length > 0;
  return (
    told.toSorted().join() ===
    names
      .map((name) => `CREATE success ${name}`)
      .toSorted()
      .join()
  );
}

async function within(server: OutboxServer, work: (place: Place) => Promise<void>): Promise<void> {
  await server.drop();
  await server.make();
  const place = new Place(server);
  try {
    await place.make();
    await work(place);
  } finally {
    await place.drop();
    await server.drop();
  }
}

for (const server of outboxServers(database)) {
  const kind = server.options.type as Kind;
  describe(`kill -9 around statements that commit by themselves, on ${kind}`, () => {
    it(`at any moment takes no record along (seed ${seed})`, async (context) => {
      if (server.reason !== null) return context.skip(server.reason);
      const random = randomOf(seed);
      await within(server, async (place) => {
        for (let round = 0; round < Math.ceil(kills / WORKERS); round += 1) {
          const plans = Array.from(
            { length: WORKERS },
            () => [random(2 ** 31), 1 + random(12), random(15)] as const,
          );
          await Promise.all(plans.map((plan) => place.killed(...plan)));
        }
        await place.finish();
        const [truth, records] = [await place.truth(), place.records()];
        const requests = [...new Set([...truth.keys(), ...records.keys()])];
        const last = new Map<string, number>();
        for (const request of requests) {
          const [worker, count] = request.split(".") as [string, string];
          last.set(worker, Math.max(last.get(worker) ?? 0, Number(count)));
        }
        let unknown = 0;
        for (const request of requests) {
          const [worker, count] = request.split(".") as [string, string];
          const told = records.get(request) ?? [];
          const names = truth.get(request) ?? [];
          const inDoubt = told.filter(({ outcome }) => outcome === "unknown");
          unknown += inDoubt.length;
          const what = `${request}: committed ${names.join() || "nothing"}, recorded ${told.map(brief).join()}`;
          if (Number(count) !== last.get(worker) || inDoubt.length === 0)
            assert.ok(isExact(told, names), what);
          else
            assert.ok(
              told.filter((one) => !inDoubt.includes(one)).every((one) => isIn(one, names)),
              what,
            );
        }
        context.diagnostic(`${kind}: ${kills} kills, ${requests.length} requests, ${unknown} in doubt`);
        assert.ok(requests.length > kills);
      });
    });

    for (const [what, text] of Object.entries(slow[kind])) {
      it(`under ${what} leaves the statement as a record`, async (context) => {
        if (server.reason !== null) return context.skip(server.reason);
        await within(server, async (place) => {
          const gate = place.plain.createQueryRunner();
          await gate.query(kind === "postgres" ? "SELECT pg_advisory_lock(4711)" : "DO GET_LOCK('4711', 10)");
          const child = place.start(1, text);
          const exited = once(child, "exit");
          await until(async () => (await place.truth()).size > 0);
          child.kill("SIGKILL");
          await exited;
          const before = (await place.plain.query(server.waiting)) as { records: string }[];
          await gate.query(
            kind === "postgres" ? "SELECT pg_advisory_unlock(4711)" : "DO RELEASE_LOCK('4711')",
          );
          await gate.release();
          await place.finish();
          assert.deepEqual(
            before.map(({ records }) => brief(assertRecord(records))),
            ["STATEMENT unknown"],
          );
          const [records, ...more] = [...place.records().values()];
          assert.deepEqual([records!.map(brief), more], [["STATEMENT unknown"], []]);
          assert.equal(records![0]!["request_id"], "1.0");
        });
      });
    }
  });
}

const isIn = (record: WrittenRecord, names: readonly string[]): boolean =>
  names.some((name) => brief(record) === `CREATE success ${name}`);
