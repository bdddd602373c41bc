/**
 * Which engine answers, and where it keeps what it has read: the same for every command that can use DuckDB.
 *
 * @module
 */
import { SingleBar } from "cli-progress";
import { Option, type Command } from "commander";
import type { TrailFile } from "../read/files.js";
import { loadDuckDB } from "../read/sql/engine.js";
import { removeTemporaries, TrailStore } from "../read/sql/store.js";
import type { Trail } from "./command.js";

export interface EngineOptions {
  readonly engine?: "duckdb" | "js";
  readonly cache?: string | boolean;
  readonly memory?: string;
}

export function withEngine(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "duckdb, if it is installed; or js")
        .choices(["duckdb", "js"])
        .default(undefined),
    )
    .option(
      "--cache <path>",
      "where backups that were read once are kept (default: .cache in the trail's directory)",
    )
    .option("--no-cache", "keeps nothing, and reads all files each time")
    .option("--memory <size>", "most memory of DuckDB, such as 500MB", "2GB");
}

/** Whether DuckDB answers: where it was asked for it must be there. */
export function usesDuckDB({ engine }: EngineOptions): boolean {
  if (engine !== undefined) return engine === "duckdb";
  try {
    return Boolean(loadDuckDB(""));
  } catch {
    return false;
  }
}

/** Opens the files, with a bar for people where that takes long. */
export async function openStore(
  { report }: Trail,
  files: readonly TrailFile[],
  { cache, memory }: EngineOptions,
): Promise<TrailStore> {
  const bar = new SingleBar({
    format: "reading {bar} {percentage}% of {megabytes} MB, {eta_formatted} left",
    stream: process.stderr,
    noTTYOutput: false,
    clearOnComplete: true,
    hideCursor: true,
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, endBy);
  const since = Date.now();
  let shown = false;
  const progress = (done: number, total: number) => {
    if (!shown && done < total && Date.now() - since > 500 && process.stderr.isTTY) {
      bar.start(total, done, { megabytes: Math.round(total / 1e6) });
      shown = true;
    }
    if (shown) bar.update(done);
  };
  try {
    const folder = typeof cache === "string" || cache === false ? cache : undefined;
    return await TrailStore.open(files, { cache: folder, memory, report, progress });
  } finally {
    if (shown) bar.stop();
  }
}

/* Not by `process.exit`, which would wait for what DuckDB does. */
function endBy(signal: NodeJS.Signals): void {
  removeTemporaries();
  process.kill(process.pid, signal);
}
