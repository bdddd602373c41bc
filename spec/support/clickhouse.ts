/**
 * A ClickHouse for the specs: a process of its own, that can be killed and started again on the same data.
 *
 * @module
 */
import { type ChildProcess, fork } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const CHDB = process.env.CHDB ?? resolve(".chdb/node_modules/chdb");

/** Why the specs of ClickHouse cannot run here; false when they can. In CI they must. */
export const withoutClickhouse =
  !existsSync(CHDB) && !process.env.CI
    ? `no ClickHouse engine: npm install --no-save --prefix .chdb chdb@3`
    : false;

export class Clickhouse {
  #process: ChildProcess | undefined;
  port = 0;

  private constructor(readonly data: string) {}

  static async start(): Promise<Clickhouse> {
    const server = new Clickhouse(await mkdtemp(join(tmpdir(), "clickhouse-")));
    await server.up();
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Starts it, at the address that it had before. */
  async up(): Promise<void> {
    const args = [CHDB, this.data, String(this.port)];
    this.#process = fork("spec/support/clickhouse-front.cjs", args, {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    const [{ port }] = (await once(this.#process, "message")) as [{ port: number }];
    this.port = port;
  }

  /** Kills it, as a crash would. */
  async down(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, "exit");
    running.kill("SIGKILL");
    await ended;
  }

  /** Runs one statement, past every client of ours. */
  async sql(query: string, database = "default"): Promise<string> {
    const answer = await fetch(`${this.url}/?database=${database}`, { method: "POST", body: query });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text);
    return text;
  }

  async rows<Row>(query: string, database?: string): Promise<Row[]> {
    const text = await this.sql(`${query} FORMAT JSONEachRow`, database);
    return text
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Row);
  }

  /** The next `count` inserts are done, and never answered. */
  async loseAnswers(count: number): Promise<void> {
    await fetch(`${this.url}/-/lose-answers?count=${count}`, { method: "POST" });
  }

  async remove(): Promise<void> {
    await this.down();
    await pause(10);
    await rm(this.data, { recursive: true, force: true });
    await rm(`${this.data}.config.xml`, { force: true });
  }
}
