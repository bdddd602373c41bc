/**
 * An audited database and the trail of it, for the specs of intents: as a user has them, whole records from the file.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, beforeEach } from "node:test";
import log4js from "log4js";
import { DataSource } from "typeorm";
import { audit, auditLogging, type AttachDataSourceOptions } from "activity-audit";
import type { OutboxServer } from "../../support/outbox-servers.js";
import { assertRecord, type WrittenRecord } from "../../support/schema.js";
import { Note } from "./killed/note.js";

/** Kinds of faults. A relay whose file is slow, on a machine that is busy, says so and tries again: that is none here. */
export function faults(): string[] {
  const kinds = audit.health().faults.map(({ kind }) => kind);
  return kinds.filter((kind) => kind !== "outbox.relay");
}

/** One database of a server, empty for each spec, and a directory for the trail. */
export class Trail {
  readonly #server: OutboxServer;
  readonly #setUp: readonly string[];
  readonly #opened: DataSource[] = [];
  #directory = "";

  /** Is called in a suite. @param setUp - is run when the table of notes is there */
  constructor(server: OutboxServer, setUp: readonly string[]) {
    this.#server = server;
    this.#setUp = setUp;
    beforeEach(async () => {
      this.#directory = mkdtempSync(join(tmpdir(), "audit-intents-"));
      await server.drop();
      await server.make();
      const dataSource = await this.open();
      await dataSource.synchronize();
      for (const text of setUp) await dataSource.query(text);
    });
    afterEach(async () => {
      await audit.stop();
      for (const one of this.#opened.splice(0)) if (one.isInitialized) await one.destroy();
      await new Promise((resolve) => log4js.shutdown(resolve));
      rmSync(this.#directory, { recursive: true, force: true });
    });
    after(() => server.drop());
  }

  async open(): Promise<DataSource> {
    const options = { ...this.#server.options, entities: [Note], multipleStatements: true };
    const dataSource = await new DataSource(options as never).initialize();
    this.#opened.push(dataSource);
    return dataSource;
  }

  start(): void {
    log4js.configure(auditLogging({ directory: this.#directory, serviceName: "clinic" }));
    audit.start({ serviceName: "clinic" });
  }

  async attached(more: AttachDataSourceOptions = {}): Promise<DataSource> {
    const dataSource = await this.open();
    audit.attach(dataSource, { consistency: "outbox", ...more });
    // So that the table is there.
    if (more.createOutbox !== false) await audit.flush({ timeoutMs: 120_000 });
    return dataSource;
  }

  /** The records of rows that are on file. */
  written(): WrittenRecord[] {
    const file = join(this.#directory, "audit.log");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
    return lines.map(assertRecord).filter(({ name }) => name === "audit.crud");
  }

  /** What lies in the outbox. */
  async waiting(): Promise<WrittenRecord[]> {
    const rows = (await this.#opened[0]!.query(this.#server.waiting)) as { records: string }[];
    return rows.flatMap(({ records }) => records.split("\n").map(assertRecord));
  }

  /**
   * Does the same with and without an outbox, each on an empty database: the application sees the same.
   *
   * @returns the records of both, without what differs from run to run
   */
  async both(work: (dataSource: DataSource) => Promise<unknown>) {
    const runs: { seen: unknown; records: WrittenRecord[] }[] = [];
    for (const consistency of ["memory", "outbox"] as const) {
      this.start();
      const dataSource = await this.attached({ consistency });
      const seen = await work(dataSource);
      await audit.flush({ timeoutMs: 120_000 });
      assert.deepEqual(faults(), []);
      if (consistency === "outbox") assert.deepEqual(await this.waiting(), []);
      await audit.stop();
      await dataSource.destroy();
      await new Promise((resolve) => log4js.shutdown(resolve));
      runs.push({ seen, records: steady(this.written()) });
      rmSync(join(this.#directory, "audit.log"), { force: true });
      if (consistency === "memory") {
        await this.#server.drop();
        await this.#server.make();
        const fresh = await this.open();
        await fresh.synchronize();
        for (const text of this.#setUp) await fresh.query(text);
        this.#opened.unshift(fresh);
      }
    }
    const [memory, outbox] = runs as [(typeof runs)[0], (typeof runs)[0]];
    assert.deepEqual(outbox.seen, memory.seen);
    return { memory: memory.records, outbox: outbox.records };
  }

  /** Another process with this outbox and this file, until it has handed on what it finds. */
  async elsewhere(): Promise<void> {
    const child = spawn(
      process.execPath,
      [join(__dirname, "killed/relaying.js"), JSON.stringify(this.#server.options), this.#directory],
      { stdio: ["ignore", "inherit", "inherit"] },
    );
    const [code] = (await once(child, "exit")) as [number];
    assert.equal(code, 0);
  }
}

/** Each transaction by its number in the trail, and no times or ids of a run. */
function steady(records: readonly WrittenRecord[]): WrittenRecord[] {
  const transactions = [...new Set(records.map(({ transaction_id }) => transaction_id))];
  return records.map((record) => ({
    ...record,
    timestamp: "",
    record_id: "",
    request_id: null,
    transaction_id: transactions.indexOf(record.transaction_id),
  }));
}

/** What the application gets, or why not. */
export async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return JSON.parse(JSON.stringify((await work) ?? null)) as unknown;
  } catch (error) {
    return String(error);
  }
}

/** What a record says, in short. */
export const brief = ({ event_type, instance_repr, table, outcome: how }: WrittenRecord): string =>
  `${event_type} ${table} ${instance_repr?.name ?? ""} ${how}`;
