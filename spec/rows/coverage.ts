/**
 * Writes `docs/row-coverage.json`: one object a database and TypeORM version.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const file = join("docs", "row-coverage.json");

export interface Coverage {
  readonly database: string;
  readonly typeorm: string;
  readonly operations: number;
  readonly exact: number;
  readonly statement: number;
  readonly unseen: number;
  readonly names_unseen: readonly string[];
}

/** The version under test, which a second pass of the specs exchanges. */
export function typeormVersion(): string {
  const manifest = join(dirname(require.resolve("typeorm")), "package.json");
  return (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version;
}

/** Replaces the entry of this database and version; the others stay as they are. */
export function writeCoverage(run: {
  readonly database: string;
  readonly typeorm: string;
  readonly verdicts: ReadonlyMap<string, "exact" | "statement" | "unseen">;
}): void {
  const { database, typeorm, verdicts } = run;
  const named = (wanted: string): string[] =>
    [...verdicts].filter(([, verdict]) => verdict === wanted).map(([name]) => name);
  if (verdicts.size === 0) return;
  const entry: Coverage = {
    database,
    typeorm,
    operations: verdicts.size,
    exact: named("exact").length,
    statement: named("statement").length,
    unseen: named("unseen").length,
    names_unseen: named("unseen"),
  };
  const others = known().filter((one) => one.database !== database || one.typeorm !== typeorm);
  const all = [...others, entry].toSorted((a, b) =>
    `${a.database} ${a.typeorm}` < `${b.database} ${b.typeorm}` ? -1 : 1,
  );
  // Specs of other databases, in processes of their own, may read it at this moment.
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, `${JSON.stringify(all, null, 2)}\n`);
  renameSync(fresh, file);
}

function known(): Coverage[] {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Coverage[];
  } catch {
    return [];
  }
}
