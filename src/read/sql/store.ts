/**
 * A trail as a table that can be asked: `records`, one row a record.
 *
 * @module
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AuditError } from "../../errors.js";
import type { TrailFile } from "../files.js";
import { openFile } from "../lines.js";
import { parseRecord, type LogRecord } from "../records.js";
import type { ReadReport } from "../report.js";
import type { RecordFilter } from "../filter.js";
import { cacheFolder, partsOf, prune, type Conversions, type Parts } from "./cache.js";
import { convertedColumns, IS_RECORD, linesOf, viewColumns } from "./columns.js";
import { takePiece, unpack } from "./convert.js";
import { Engine, literal, loadDuckDB, type Rows } from "./engine.js";
import { mended } from "./mend.js";
import { where } from "./where.js";

export interface StoreOptions {
  /** A folder for what was converted; `false` for none. Default: `.cache` in the trail's own directory. */
  readonly cache?: string | false | undefined;
  /** Most memory, as DuckDB has it: `"500MB"`. Default `"2GB"`. */
  readonly memory?: string | undefined;
  readonly report?: ReadReport | undefined;
  /** Called before each file, with the bytes that are done with and those of all files. */
  readonly progress?: ((done: number, total: number) => void) | undefined;
}

export interface RecordsOptions {
  readonly filter?: RecordFilter | undefined;
  readonly newestFirst?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The records of some files, ready to be asked; needs `@duckdb/node-api`.
 *
 * Files are converted once and kept in a cache, see `cache.ts`. What is written after the opening is not seen.
 *
 * @example
 * const store = await TrailStore.open(await findFiles("audit_logs"));
 * for await (const rows of (await store.sql("SELECT model, count(*) FROM records GROUP BY model")).batches()) …
 * await store.close();
 */
export class TrailStore {
  readonly #engine: Engine;
  readonly #places: Places;
  readonly #options: StoreOptions;

  private constructor(
    engine: Engine,
    places: Places,
    options: StoreOptions,
    /** What was read to be converted, and what was not read because it had been before. */
    readonly counts: Conversions = { converted: 0, convertedBytes: 0, reused: 0 },
  ) {
    this.#engine = engine;
    this.#places = places;
    this.#options = options;
  }

  /** @throws {AuditError} `AUDIT_PEER_MISSING` */
  static async open(files: readonly TrailFile[], options: StoreOptions = {}): Promise<TrailStore> {
    const api = loadDuckDB("A question in SQL");
    const places = await placesOf(files, options);
    let engine: Engine | undefined;
    try {
      engine = await Engine.open(api, { memory: options.memory, temporary: places.temporary });
      await engine.confine([...places.homes, ...places.folders.values(), places.temporary]);
      const store = new TrailStore(engine, places, options);
      await store.refresh(files);
      return store;
    } catch (error) {
      engine?.close();
      await rm(places.temporary, { recursive: true, force: true });
      throw error;
    }
  }

  /**
   * Takes in what was written since, of files in the same directories. Questions that are being answered go on with
   * what there was.
   */
  async refresh(files: readonly TrailFile[]): Promise<void> {
    const { report, progress } = this.#options;
    const { folders, temporary } = this.#places;
    const found: { log: string; parts: Parts }[] = [];
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    for (const file of files) {
      progress?.(done, total);
      const folder = folders.get(dirname(file.path));
      const context = { engine: this.#engine, temporary, report, counts: this.counts };
      const parts = folder ? await partsOf(file, folder, context) : await plainParts(file, temporary, report);
      found.push({ log: file.log, parts });
      done += file.size;
      if (report) report.files += 1;
    }
    progress?.(total, total);
    for (const [home, folder] of folders) await prune(folder, home);
    await this.#show(found);
    if (report) report.malformed += await this.#malformed();
  }

  /** Makes the views of what there is now. */
  async #show(found: readonly { log: string; parts: Parts }[]): Promise<void> {
    const { converted, raw } = tablesOf(found);
    const engine = this.#engine;
    const { homes, folders, temporary } = this.#places;
    const cached = homes.every((home) => folders.has(home));
    if (cached && raw.length > 0) {
      // The few lines that are not converted yet: parsed once, and not for each question.
      await engine.run(`CREATE OR REPLACE TABLE latest AS ${raw.join(" UNION ALL ")}`);
      const pieces = found.flatMap(({ parts }) => parts.raw).filter((path) => dirname(path) === temporary);
      await Promise.all(pieces.map((path) => rm(path, { force: true })));
    }
    const latest = cached && raw.length > 0 ? ["SELECT * FROM latest"] : raw;
    await engine.run(`CREATE OR REPLACE VIEW kept AS ${[...converted, ...latest].join(" UNION ALL ")}`);
    await engine.run(
      `CREATE OR REPLACE VIEW records AS SELECT ${viewColumns()} FROM kept WHERE ${IS_RECORD}`,
    );
  }

  /** Records that the filter lets through, by time and then by `record_id`. */
  async *records({ filter = {}, newestFirst, limit, signal }: RecordsOptions = {}): AsyncGenerator<
    LogRecord[]
  > {
    const { sql, values } = where(filter);
    const order = newestFirst ? "DESC" : "ASC";
    const most = limit === undefined ? "" : `LIMIT ${limit}`;
    const { batches } = await this.#engine.rows(
      `SELECT record FROM records WHERE ${sql} ORDER BY timestamp ${order}, record_id ${order} ${most}`,
      values,
      signal,
    );
    for await (const rows of batches()) {
      yield rows.map(([line]) => parseRecord(line as string)).filter((record) => record !== undefined);
    }
  }

  /**
   * The answer to one SELECT over `records`.
   *
   * @throws {AuditError} `AUDIT_SQL_REFUSED`
   */
  async sql(question: string, signal?: AbortSignal): Promise<Rows> {
    try {
      const refusal = await this.#engine.refusal(question);
      if (refusal !== undefined) throw new AuditError("AUDIT_SQL_REFUSED", [refusal]);
      const { columns, batches } = await this.#engine.rows(question, [], signal);
      return {
        columns,
        // A value that cannot be cast is met only while the rows are made.
        async *batches() {
          try {
            yield* batches();
          } catch (error) {
            throw refused(error);
          }
        },
      };
    } catch (error) {
      throw refused(error);
    }
  }

  /** Rows of a question of our own, with values. */
  async ask(
    question: string,
    values: Parameters<Engine["rows"]>[1] = [],
  ): Promise<Record<string, unknown>[]> {
    const { columns, batches } = await this.#engine.rows(question, values);
    const all: Record<string, unknown>[] = [];
    for await (const rows of batches()) {
      all.push(...rows.map((row) => Object.fromEntries(columns.map((name, index) => [name, row[index]]))));
    }
    return all;
  }

  async close(): Promise<void> {
    this.#engine.close();
    await rm(this.#places.temporary, { recursive: true, force: true });
  }

  async #malformed(): Promise<number> {
    const [row] = await this.ask(`SELECT count(*) AS malformed FROM kept WHERE NOT (${IS_RECORD})`);
    return row!["malformed"] as number;
  }
}

/** What is not converted. What is written is taken as it is now; damage in a compressed file would end DuckDB's reading. */
async function plainParts(
  file: TrailFile,
  temporary: string,
  report: ReadReport | undefined,
): Promise<Parts> {
  const lines = async (): Promise<string> => {
    if (file.gzip) {
      const { path, error } = await unpack(file, temporary);
      if (error !== undefined) report?.unread(file.path, new Error(error));
      return path;
    }
    if (file.live) return (await takePiece(file, 0, temporary)).path;
    const { handle, path } = await openFile(file);
    await handle.close();
    return path;
  };
  return { converted: [], raw: [await mended(await lines(), temporary)] };
}

/** One SELECT for all that was converted, however many files; one a log for what was not. */
function tablesOf(found: readonly { log: string; parts: Parts }[]): { converted: string[]; raw: string[] } {
  const converted = found.flatMap(({ parts }) => parts.converted);
  const logs = new Map<string, string[]>();
  for (const { log, parts } of found) logs.set(log, [...(logs.get(log) ?? []), ...parts.raw]);
  return {
    converted:
      converted.length > 0 ? [`SELECT * FROM read_parquet([${converted.map(literal).join(", ")}])`] : [],
    raw: [...logs]
      .filter(([, paths]) => paths.length > 0)
      .map(([log, paths]) => convertedColumns(linesOf(paths), log)),
  };
}

/** Where a store reads and writes; nowhere else can it. */
interface Places {
  readonly homes: readonly string[];
  /** By directory of the trail, the folder of its cache. */
  readonly folders: ReadonlyMap<string, string>;
  readonly temporary: string;
}

async function placesOf(files: readonly TrailFile[], { cache }: StoreOptions): Promise<Places> {
  const homes = [...new Set(files.map(({ path }) => dirname(path)))];
  const folders = new Map<string, string>();
  for (const home of cache === false ? [] : homes) {
    const folder = await cacheFolder(home, cache === false ? undefined : cache);
    if (folder !== undefined) folders.set(home, folder);
  }
  // Beside the cache, not in the system's folder, which may be memory: a piece of a trail can be large.
  return { homes, folders, temporary: await temporaryFolder([...folders.values()][0]) };
}

async function temporaryFolder(cache: string | undefined): Promise<string> {
  if (cache !== undefined) {
    const within = await mkdtemp(join(cache, `work-${process.pid}-`)).catch(() => undefined);
    if (within !== undefined) return within;
  }
  return mkdtemp(join(tmpdir(), "activity-audit-"));
}

function refused(error: unknown): AuditError {
  if (error instanceof AuditError) return error;
  return new AuditError("AUDIT_SQL_REFUSED", [(error as Error).message], { cause: error });
}
