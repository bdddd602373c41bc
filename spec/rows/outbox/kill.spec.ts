/**
 * `kill -9` at any moment: every committed change has its record, and nothing else has one.
 *
 * Three processes at a time write random transactions to one database, and are killed at random; the next three find
 * what they left. sql.js is one process's own, so there each of three has a database to itself.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { betterSqlite3 } from "../databases/sqlite.js";
import { randomOf } from "../acts.js";
import { outboxServers, type OutboxServer } from "../../support/outbox-servers.js";
import { assertRecord, type WrittenRecord } from "../../support/schema.js";
import { until } from "../../support/until.js";
import { committed, prepare, SECRET, type Kind, type True } from "./killed/account.js";

const WORKERS = 3;
const kills = Number(process.env["OUTBOX_KILLS"] ?? 6);
const seed = Number(process.env["ROWS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

const name = `audit_outbox_kill_${process.pid}`;

interface Target {
  readonly kind: Kind;
  readonly reason: string | null;
  /** Places for the workers: the same one, or one for each. */
  make(directory: string): Promise<readonly string[]>;
  drop(): Promise<unknown>;
  /** Nothing of the dead is under way any more. */
  isQuiet(): Promise<boolean>;
}

function onServer(server: OutboxServer): Target {
  return {
    kind: server.options.type as Kind,
    reason: server.reason,
    make: async () => {
      await server.drop();
      await server.make();
      return Array.from({ length: WORKERS }, () => name);
    },
    drop: () => server.drop(),
    isQuiet: async () => (await server.sessions()) === 0,
  };
}

const targets: readonly Target[] = [
  ...outboxServers(name).map(onServer),
  {
    kind: "sqljs",
    reason: null,
    make: async (directory) => Array.from({ length: WORKERS }, (_, index) => join(directory, `${index}.db`)),
    drop: async () => {},
    isQuiet: async () => true,
  },
  {
    kind: "better-sqlite3",
    reason: betterSqlite3.reason,
    make: async (directory) => Array.from({ length: WORKERS }, () => join(directory, "all.db")),
    drop: async () => {},
    isQuiet: async () => true,
  },
];

function start(...args: string[]) {
  const child = spawn(process.execPath, [join(__dirname, "killed/worker.js"), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.setEncoding("utf8");
  return child;
}

/** When to kill a worker: so many steps after it began, and so many milliseconds later. */
interface Moment {
  readonly steps: number;
  readonly ms: number;
}

async function kill(kind: Kind, place: string, logs: string, moment: Moment, own: number): Promise<void> {
  const child = start(kind, place, logs, String(own), "write");
  const exited = once(child, "exit");
  let steps = 0;
  await new Promise<void>((resolve, reject) => {
    child.stdout.on("data", (dots: string) => {
      steps += dots.length;
      if (steps >= moment.steps) resolve();
    });
    child.once("exit", () => reject(new Error("The worker ended by itself.")));
  });
  await new Promise((resolve) => setTimeout(resolve, moment.ms));
  child.kill("SIGKILL");
  await exited;
}

/** Hands on what is left; gives the faults. */
async function finish(kind: Kind, place: string, logs: string): Promise<unknown> {
  const child = start(kind, place, logs, "0", "end");
  let output = "";
  child.stdout.on("data", (text: string) => (output += text));
  await once(child, "close");
  return JSON.parse(output);
}

/** What the record of a change must say of it. */
function expected({ op, old, new: now }: True): unknown {
  const changes: Record<string, unknown> = {};
  if (old && now)
    for (const field of Object.keys(now))
      if (old[field] !== now[field]) changes[field] = { from: old[field], to: now[field] };
  const row = (now ?? old)!;
  return {
    event_type: { insert: "CREATE", update: "UPDATE", delete: "DELETE" }[op],
    model: "Account",
    table: "account",
    instance_id: String(row.id),
    instance_repr: { ...row, note: "[REDACTED]" },
    changed_fields: changes,
    outcome: "success",
    // A DELETE leaves the request that wrote the row before.
    request_id: now ? now.request : null,
  };
}

function said(record: WrittenRecord): unknown {
  const { event_type, model, table, instance_id, instance_repr, changed_fields, outcome, request_id } =
    record;
  return {
    event_type,
    model,
    table,
    instance_id,
    instance_repr,
    changed_fields,
    outcome,
    request_id: event_type === "DELETE" ? null : request_id,
  };
}

const sorted = (items: readonly unknown[]): string[] =>
  items.map((item) => JSON.stringify(item, (_, value: unknown) => inOrder(value))).toSorted();

/** What of the first is not in the second, as often as it is not. */
function without(some: readonly string[], others: readonly string[]): string[] {
  const left = new Map<string, number>();
  for (const one of others) left.set(one, (left.get(one) ?? 0) + 1);
  return some.filter((one) => {
    const count = left.get(one) ?? 0;
    left.set(one, count - 1);
    return count <= 0;
  });
}

const inOrder = (value: unknown): unknown =>
  typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;

/** The records of row changes, each once; fails where two of one id differ. */
function recordsIn(logs: string): { records: WrittenRecord[]; doubles: number } {
  const byId = new Map<string, string>();
  let doubles = 0;
  const files = readdirSync(logs).filter((file) => file.startsWith("audit"));
  for (const line of files.flatMap((file) => readFileSync(join(logs, file), "utf8").split("\n"))) {
    // A killed writer leaves half a line.
    if (!line.startsWith("{") || !line.endsWith("}") || !line.includes('"name":"audit.crud"')) continue;
    assert.ok(!line.includes(SECRET));
    const { record_id } = JSON.parse(line) as { record_id: string };
    const known = byId.get(record_id);
    if (known !== undefined) doubles += 1;
    assert.equal(line, known ?? line, "two records of one id");
    byId.set(record_id, line);
  }
  return { records: [...byId.values()].map(assertRecord), doubles };
}

describe("kill -9 with an outbox", () => {
  for (const { kind, reason, make, drop, isQuiet } of targets) {
    it(`takes no record of a committed change on ${kind}, and leaves none of another (seed ${seed})`, async (context) => {
      if (reason !== null) return context.skip(reason);
      const random = randomOf(seed);
      const directory = mkdtempSync(join(tmpdir(), "audit-killed-"));
      try {
        const places = await make(directory);
        const own = [...new Set(places)];
        // A log each where the database is, so that each can be compared with its own.
        const logs = places.map((place) => join(directory, `logs ${own.indexOf(place)}`));
        for (const place of own) await prepare(kind, place);
        for (let round = 0; round < Math.ceil(kills / WORKERS); round += 1) {
          const plans = places.map((place, index) => {
            const moment = { steps: 3 + random(20), ms: random(40) };
            return [place, logs[index]!, moment, random(2 ** 31)] as const;
          });
          await Promise.all(plans.map((plan) => kill(kind, ...plan)));
        }
        await until(isQuiet);
        let changes = 0;
        for (const place of own) {
          const log = logs[places.indexOf(place)]!;
          assert.deepEqual(await finish(kind, place, log), []);
          const { truth, left } = await committed(kind, place);
          const { records, doubles } = recordsIn(log);
          context.diagnostic(`${kind}: ${kills} kills, ${truth.length} changes, ${doubles} records doubled`);
          changes += truth.length;
          const [told, changed] = [sorted(records.map(said)), sorted(truth.map(expected))];
          assert.deepEqual(without(changed, told), [], "committed, and not recorded");
          assert.deepEqual(without(told, changed), [], "recorded, and not committed");
          assert.equal(left, 0);
          const requests = new Map<unknown, unknown>();
          for (const { transaction_id, request_id, user } of records) {
            assert.match(user.id, /^worker \d+$/);
            assert.equal(
              requests.get(transaction_id) ?? request_id,
              request_id,
              "a transaction of two requests",
            );
            requests.set(transaction_id, request_id);
          }
        }
        assert.ok(changes > kills, `only ${changes} changes`);
      } finally {
        await drop();
        rmSync(directory, { recursive: true, force: true });
      }
    });
  }
});
