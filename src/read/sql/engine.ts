/**
 * DuckDB, loaded only when a question needs it, and kept to the trail's own files.
 *
 * @module
 */
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from "@duckdb/node-api";
import { AuditError } from "../../errors.js";

type Api = typeof import("@duckdb/node-api");

export interface EngineLimits {
  /** Most memory, as DuckDB has it; what does not fit goes to `temporary`. Default `"2GB"`. */
  readonly memory?: string | undefined;
  /** A folder of its own for what does not fit into memory. */
  readonly temporary: string;
}

/** A question's answer: names, and rows that can be written as JSON. */
export interface Rows {
  readonly columns: readonly string[];
  batches(): AsyncIterable<unknown[][]>;
}

/** @throws {AuditError} `AUDIT_PEER_MISSING`: `@duckdb/node-api` is not installed */
export function loadDuckDB(what: string): Api {
  try {
    return require("@duckdb/node-api") as Api;
  } catch (error) {
    throw new AuditError("AUDIT_PEER_MISSING", [what, "@duckdb/node-api"], { cause: error });
  }
}

/** An embedded database in memory. */
export class Engine {
  #answering = 0;

  private constructor(
    private readonly instance: DuckDBInstance,
    private readonly connection: DuckDBConnection,
    private readonly select: number,
  ) {}

  static async open(api: Api, { memory = "2GB", temporary }: EngineLimits): Promise<Engine> {
    const instance = await api.DuckDBInstance.create(":memory:", {
      memory_limit: memory,
      temp_directory: temporary,
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    });
    return new Engine(instance, await instance.connect(), api.StatementType.SELECT);
  }

  /** Whether questions are being answered. */
  get isAnswering(): boolean {
    return this.#answering > 0;
  }

  /** Takes the right to any other files, and to change that: for questions that somebody else asks. */
  async confine(directories: readonly string[]): Promise<void> {
    const list = directories.map((directory) => literal(`${directory}/`)).join(", ");
    await this.run(`SET allowed_directories = [${list}]`);
    await this.run("SET enable_external_access = false");
    await this.run("SET lock_configuration = true");
  }

  async run(sql: string, values: readonly DuckDBValue[] = []): Promise<void> {
    await this.connection.run(sql, [...values]);
  }

  /** The rows as they are made; never all at once in memory. Several questions can be asked at the same time. */
  async rows(sql: string, values: readonly DuckDBValue[] = [], signal?: AbortSignal): Promise<Rows> {
    // One connection has one answer at a time: the next question would end it.
    const connection = await this.instance.connect();
    this.#answering += 1;
    const interrupt = () => connection.interrupt();
    signal?.addEventListener("abort", interrupt);
    const close = () => {
      signal?.removeEventListener("abort", interrupt);
      this.#answering -= 1;
      connection.closeSync();
    };
    try {
      const result = await connection.stream(sql, [...values]);
      const whole = result.columnTypes().map((type) => /^(?:U?(?:BIG|HUGE)INT)$/u.test(String(type)));
      return {
        columns: result.columnNames(),
        async *batches() {
          try {
            for await (const rows of result.yieldRowsJson()) {
              signal?.throwIfAborted();
              yield rows.map((row) => row.map((value, index) => (whole[index] ? asNumber(value) : value)));
            }
          } finally {
            close();
          }
        },
      };
    } catch (error) {
      close();
      throw error;
    }
  }

  /** @returns what is wrong with a question that is not one SELECT; undefined for one that is */
  async refusal(sql: string): Promise<string | undefined> {
    const statements = await this.connection.extractStatements(sql);
    if (statements.count !== 1) return `${statements.count} statements; one can be asked at a time`;
    const { statementType } = await statements.prepare(0);
    return statementType === this.select ? undefined : "no SELECT; the trail is only read";
  }

  close(): void {
    this.connection.closeSync();
    this.instance.closeSync();
  }
}

/** DuckDB gives whole numbers of 64 bits as texts; those that JavaScript holds exactly become numbers. */
function asNumber(value: unknown): unknown {
  const number = Number(value);
  return typeof value === "string" && Number.isSafeInteger(number) ? number : value;
}

/** A text in SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
