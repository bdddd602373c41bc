/**
 * A trail as a table that can be asked: `records`, one row a record.
 *
 * @module
 */
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { AuditError } from "../../errors.js";
import { locate, type TrailFile } from "../files.js";
import { openFile } from "../lines.js";
import { parseRecord, type LogRecord } from "../records.js";
import type { ReadReport } from "../report.js";
import type { RecordFilter } from "../filter.js";
import { areThere, cacheFolder, NOTHING, partsOf, prune, type Conversions, type Parts } from "./cache.js";
import { convertedColumns, IS_RECORD, linesOf, viewColumns } from "./columns.js";
import { isLasting, takePiece, unpack } from "./convert.js";
import { Engine, literal, loadDuckDB, type Rows } from "./engine.js";
import { mended } from "./mend.js";
import { temporaryIn } from "./temporary.js";
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
  /** What is converted of the files that questions are asked of. */
  #shown: readonly string[] = [];
  /** Files of our own that questions are asked of, and those that were before and may be read still. */
  #pieces: readonly string[] = [];
  /** Without a cache, where backups are read: they do not change, and may have been unpacked. */
  readonly #backups = new Map<string, Parts>();

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
      await removeTemporary(places.temporary);
      throw error;
    }
  }

  /**
   * Takes in what was written since, of files in the same directories. Questions that are being answered go on with
   * what there was.
   */
  async refresh(files: readonly TrailFile[]): Promise<void> {
    const { report, progress } = this.#options;
    const { folders } = this.#places;
    const found: { log: string; parts: Parts }[] = [];
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    for (const file of files) {
      progress?.(done, total);
      found.push({ log: file.log, parts: await this.#partsOf(file) });
      done += file.size;
      if (report) report.files += 1;
    }
    progress?.(total, total);
    // Of a file that was deleted, renamed or compressed meanwhile, another process may have deleted what was converted.
    for (const [index, { log, parts }] of found.entries()) {
      if (!(await areThere(parts.converted)))
        found[index] = { log, parts: await this.#partsOf(files[index]!) };
    }
    const all = new Set(found.map(({ parts }) => parts));
    for (const [key, parts] of this.#backups) if (!all.has(parts)) this.#backups.delete(key);
    const converted = found.flatMap(({ parts }) => parts.converted);
    // Questions that are being answered read what there was.
    const shown = new Set([...(this.#engine.isAnswering ? this.#shown : []), ...converted]);
    for (const [home, folder] of folders) await prune(folder, home, shown);
    await this.#show(found);
    this.#shown = converted;
    if (report) report.malformed += await this.#malformed();
  }

  /** Where a file's records are to be read. One that cannot be opened is told of, and the others are answered from. */
  async #partsOf(file: TrailFile): Promise<Parts> {
    const { report } = this.#options;
    const { folders, temporary } = this.#places;
    try {
      const folder = folders.get(dirname(file.path));
      if (!folder && file.live) return await plainParts(file, temporary, report);
      if (!folder) {
        const { path, identity, size, changedAt } = file;
        const key = `${path} ${identity} ${size} ${changedAt}`;
        const parts = this.#backups.get(key) ?? (await plainParts(file, temporary, report));
        if (parts !== NOTHING) this.#backups.set(key, parts);
        return parts;
      }
      return await partsOf(file, folder, { engine: this.#engine, temporary, report, counts: this.counts });
    } catch (error) {
      const why = await openFault(file);
      if (why === undefined) throw error;
      report?.unread(file.path, why);
      return NOTHING;
    }
  }

  /** Makes the views of what there is now. */
  async #show(found: readonly { log: string; parts: Parts }[]): Promise<void> {
    const { converted, raw } = tablesOf(found);
    const engine = this.#engine;
    const { homes, folders, temporary } = this.#places;
    const cached = homes.every((home) => folders.has(home));
    const pieces = found.flatMap(({ parts }) => parts.raw).filter((path) => dirname(path) === temporary);
    if (cached && raw.length > 0) {
      // The few lines that are not converted yet: parsed once, and not for each question.
      await engine.run(`CREATE OR REPLACE TABLE latest AS ${raw.join(" UNION ALL ")}`);
      await remove(pieces);
    }
    const latest = cached && raw.length > 0 ? ["SELECT * FROM latest"] : raw;
    const all = [...converted, ...latest];
    if (all.length === 0) {
      const empty = temporaryIn(temporary);
      await writeFile(empty, "", { mode: 0o600 });
      all.push(convertedColumns(linesOf([empty]), ""));
    }
    await engine.run(`CREATE OR REPLACE VIEW kept AS ${all.join(" UNION ALL ")}`);
    await engine.run(
      `CREATE OR REPLACE VIEW records AS SELECT ${viewColumns()} FROM kept WHERE ${IS_RECORD}`,
    );
    const before = this.#pieces.filter((path) => !pieces.includes(path));
    this.#pieces = engine.isAnswering ? [...before, ...pieces] : pieces;
    if (!engine.isAnswering) await remove(before);
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
    await removeTemporary(this.#places.temporary);
  }

  async #malformed(): Promise<number> {
    const [row] = await this.ask(`SELECT count(*) AS malformed FROM kept WHERE NOT (${IS_RECORD})`);
    return row!["malformed"] as number;
  }
}

async function remove(paths: readonly string[]): Promise<void> {
  await Promise.all(paths.map((path) => rm(path, { force: true })));
}

/** What keeps a file from being opened; undefined where nothing does. */
async function openFault(file: TrailFile): Promise<unknown> {
  try {
    const { handle } = await openFile(file);
    await handle.close();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** What is not converted. What is written is taken as it is now; damage in a compressed file would end DuckDB's reading. */
async function plainParts(
  found: TrailFile,
  temporary: string,
  report: ReadReport | undefined,
): Promise<Parts> {
  // What was live may be a backup by now.
  const now = await locate(found);
  const file = now?.live ? found : (now ?? found);
  if (file.gzip) {
    const { path, error } = await unpack(file, temporary);
    if (error !== undefined) report?.unread(file.path, new Error(error));
    return isLasting(error) ? { converted: [], raw: [await mended(path, temporary)] } : NOTHING;
  }
  if (file.live) {
    const { path } = await takePiece(file, 0, temporary);
    return { converted: [], raw: [await mended(path, temporary)] };
  }
  const { handle, path } = await openFile(file);
  await handle.close();
  return { converted: [], raw: [await mended(path, temporary)] };
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
  const temporary = await temporaryFolder([...folders.values()][0]);
  temporaries.add(temporary);
  return { homes, folders, temporary };
}

/** Of the stores that are open. */
const temporaries = new Set<string>();

async function removeTemporary(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  temporaries.delete(folder);
}

/** For a process that ends amid a question: the folders hold pieces of the trail, and nobody else would remove them. */
export function removeTemporaries(): void {
  for (const folder of temporaries) rmSync(folder, { recursive: true, force: true });
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
