import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, it } from "node:test";

/**
 * The flow of `src/`, as rules on its imports. A folder may import itself, what its row names, and as types
 * only what its row names under `types`. A name with a slash is one file of another stage: its contract.
 * Who needs more changes this table in the same commit, and says there why the arrow may run that way.
 */
const COMMON = ["errors", "health", "check", "within", "ids"];
const LAYERS: Record<string, { code: readonly string[]; types?: readonly string[] }> = {
  errors: { code: [] },
  health: { code: [] },
  check: { code: ["errors"] },
  alive: { code: [] },
  within: { code: [] },
  ids: { code: [] },
  decorate: { code: COMMON, types: ["record/types"] },
  registry: { code: [...COMMON, "decorate"], types: ["capture/capture"] },
  context: { code: COMMON, types: ["record/types"] },
  // `record/http` only knows how headers and queries are read.
  capture: {
    code: [...COMMON, "context", "decorate/metadata", "decorate/store", "record/snapshot", "record/http"],
    types: ["record/types"],
  },
  record: { code: ["errors"], types: ["capture/event", "context/context"] },
  // The format of sealed lines: what writes them and what verifies them share it, and nothing else.
  seal: { code: [] },
  log: { code: [...COMMON, "record", "seal", "writer", "ship"] },
  // `record/formatter` makes lines of frames, which is the thread's work so that it is not the caller's.
  writer: {
    code: [
      ...COMMON,
      "alive",
      "record/timestamp",
      "record/formatter",
      "record/bytes",
      "record/shape",
      "seal",
    ],
  },
  ship: { code: [...COMMON, "writer/lock", "writer/backup-name", "writer/lines", "writer/settled"] },
  adapters: {
    code: [...COMMON, "context", "capture/http", "decorate"],
    types: ["record/types", "capture/capture"],
  },
  clients: { code: [...COMMON, "decorate", "registry"] },
  // Of the write path, only how it names backups.
  read: { code: [...COMMON, "alive", "record", "seal", "writer/backup-name"] },
  cli: { code: [...COMMON, "read", "record", "viewer"], types: ["seal/checkpoint"] },
  viewer: { code: [...COMMON, "read"] },
};

/** Packages that a user may not have: only ever types, so that importing us loads none of them. */
const PEERS =
  /^(?:typeorm|libpg-query|axios|ssh2|ssh2-sftp-client|express|fastify|koa|@nestjs\/|@koa\/|rxjs|routing-controllers|undici|reflect-metadata|@opentelemetry\/|@clickhouse\/|@duckdb\/)/u;

/** What a stage may load from outside; a stage that is not named here may load any of `node:`. */
const OUTSIDE: Record<string, RegExp> = {
  errors: /^$/u,
  health: /^$/u,
  check: /^valibot$/u,
  // Pure: no clock, no files, no network. `node:util` for its type checks, which alone can see a Proxy.
  record: /^node:(?:buffer|crypto|util|zlib)$/u,
  decorate: /^valibot$/u,
  seal: /^node:crypto$/u,
};

/** Entries of their own, which only users of that framework import. */
const ENTRIES: Record<string, RegExp> = {
  "adapters/nest.ts": /^(?:@nestjs\/core|rxjs)$/u,
  "adapters/routing-controllers.ts": /^routing-controllers$/u,
};

interface Import {
  readonly file: string;
  readonly from: string;
  readonly typesOnly: boolean;
}

const imports = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .flatMap((file) => importsOf(file));

function importsOf(file: string): Import[] {
  const source = readFileSync(join("src", file), "utf8");
  const statement = /^(?:import|export)\s+(?:(type)\s+)?([^;"']*?\s+from\s+)?["']([^"']+)["']/gmu;
  return [...source.matchAll(statement)].map(([, type, names, from]) => ({
    file,
    from: from!.startsWith(".") ? inSource(file, from!) : from!,
    typesOnly:
      type === "type" || /^\{\s*(?:type\s+\w+(?:\s+as\s+\w+)?\s*,?\s*)+\}\s+from\s+$/u.test(names ?? ""),
  }));
}

/** `capture/http/tee`, for `../http/tee.js` seen from `capture/x.ts`. */
function inSource(file: string, from: string): string {
  return `/${relative("src", normalize(join("src", dirname(file), from))).replace(/\.js$/u, "")}`;
}

function stageOf(path: string): string {
  return path.split("/")[0]!.replace(/\.ts$/u, "");
}

const rows = imports.filter(({ file }) => Object.hasOwn(LAYERS, stageOf(file)));

describe("the layers of src", () => {
  it("are known for every folder", () => {
    const folders = readdirSync("src", { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(
      folders.map(({ name }) => name).filter((name) => !Object.hasOwn(LAYERS, name)),
      [],
    );
    assert.ok(imports.length > 20, "imports were read");
  });

  it("import along the flow only", () => {
    const against = rows.filter(({ file, from, typesOnly }) => {
      if (!from.startsWith("/")) return false;
      const target = from.slice(1);
      const stage = stageOf(file);
      const { code, types = [] } = LAYERS[stage]!;
      const allowed = [stage, ...code, ...(typesOnly ? types : [])];
      return !allowed.some((name) => target === name || target.startsWith(`${name}/`));
    });
    assert.deepEqual(against.map(describeImport), []);
  });

  it("import nothing that leads back, not even its types", () => {
    assert.deepEqual(circles(), []);
  });

  it("load nothing that the user may not have", () => {
    const loaded = imports.filter(
      ({ file, from, typesOnly }) => PEERS.test(from) && !typesOnly && !ENTRIES[file]?.test(from),
    );
    assert.deepEqual(loaded.map(describeImport), []);
  });

  it("leave log4js to the log stage", () => {
    const others = imports.filter(
      ({ file, from, typesOnly }) => /^log4js\b/u.test(from) && !typesOnly && stageOf(file) !== "log",
    );
    assert.deepEqual(others.map(describeImport), []);
  });

  it("keep the clock and the disk out of the pure stages", () => {
    const impure = rows.filter(({ file, from, typesOnly }) => {
      const outside = OUTSIDE[stageOf(file)];
      return outside !== undefined && !from.startsWith("/") && !typesOnly && !outside.test(from);
    });
    assert.deepEqual(impure.map(describeImport), []);
    const clocks = readdirSync("src/record").filter((file) =>
      /\bDate\.now\(|\bnew Date\(\)|\bperformance\.|\bMath\.random\(|\brandomUUID\(/u.test(
        readFileSync(join("src/record", file), "utf8"),
      ),
    );
    assert.deepEqual(clocks, []);
  });
});

/** Files that import each other in a loop. */
function circles(): string[][] {
  const targets = new Map<string, string[]>();
  for (const { file, from } of imports) {
    if (!from.startsWith("/")) continue;
    const name = file.replace(/\.ts$/u, "");
    targets.set(name, [...(targets.get(name) ?? []), from.slice(1)]);
  }
  const found: string[][] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const begun = path.indexOf(file);
    if (begun >= 0) found.push(path.slice(begun));
    if (begun >= 0 || done.has(file)) return;
    for (const target of targets.get(file) ?? []) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  return found;
}

function describeImport({ file, from, typesOnly }: Import): string {
  return `src/${file} imports ${typesOnly ? "types of " : ""}${from.replace(/^\//u, "src/")}`;
}
