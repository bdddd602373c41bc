/**
 * An installation that lacks `libpg-query`: `audit.attach` says so, whether the DataSource is initialised or not.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { noServer, server } from "../rows/postgres/server.js";

const root = resolve(__dirname, "../../..");

/** Attaches DataSources to this database in turn; prints the code of what each attach throws, or what came of it. */
const program = `
require("reflect-metadata");
const { DataSource, EntitySchema } = require("typeorm");
const { audit, AuditEntity, auditLogging } = require("activity-audit");
require("log4js").configure(auditLogging({ directory: "audit_logs", serviceName: "spec", console: false }));

const schema = (target, name) => new EntitySchema({ name, target, columns: { id: { type: Number, primary: true } } });
class Audited {}
AuditEntity()(Audited, undefined);
class Plain {}
const audited = schema(Audited, "audited_without_parser");
const plain = schema(Plain, "plain_without_parser");

async function outcome({ entities, attached, initialised, server }) {
  const known = { audited: [audited], plain: [plain], path: [__dirname + "/entities/*.js"] }[entities];
  const dataSource = new DataSource({ type: "postgres", ...server, entities: known });
  if (initialised) await dataSource.initialize();
  try {
    audit.attach(dataSource, attached)();
    return "attached";
  } catch (error) {
    return error.message;
  } finally {
    if (initialised) await dataSource.destroy();
  }
}

(async () => {
  audit.start({ serviceName: "spec" });
  const outcomes = [];
  for (const one of JSON.parse(process.argv[2])) outcomes.push(await outcome(one));
  await audit.stop();
  process.stdout.write(JSON.stringify(outcomes));
})();
`;

interface Attach {
  readonly entities: "audited" | "plain" | "path";
  readonly attached?: object;
  readonly initialised?: boolean;
}

const missing =
  "Row capture on PostgreSQL needs the package libpg-query, which is not installed. Run `npm install libpg-query`. [AUDIT_PEER_MISSING]";

describe("an installation without PostgreSQL's parser", () => {
  const project = mkdtempSync(join(tmpdir(), "without-parser-"));

  before(() => {
    const modules = join(project, "node_modules");
    mkdirSync(join(modules, "activity-audit"), { recursive: true });
    for (const part of ["package.json", "dist"]) {
      cpSync(join(root, part), join(modules, "activity-audit", part), { recursive: true });
    }
    const installed = join(root, "node_modules");
    for (const name of readdirSync(installed)) {
      if (name !== "libpg-query") symlinkSync(join(installed, name), join(modules, name));
    }
    writeFileSync(join(project, "program.js"), program);
  });
  after(() => rmSync(project, { recursive: true }));

  function outcomes(...attaches: Attach[]): string[] {
    const given = JSON.stringify(
      attaches.map((one) => ({ ...one, server: { ...server, username: server.user } })),
    );
    const printed = execFileSync(process.execPath, ["program.js", given], { cwd: project, encoding: "utf8" });
    return JSON.parse(printed) as string[];
  }

  it("refuses an attach before initialize() that needs it, or may need it", () => {
    const needing: Attach[] = [
      { entities: "audited" },
      { entities: "path" },
      { entities: "plain", attached: { tables: "all" } },
    ];
    assert.deepEqual(outcomes(...needing), [missing, missing, missing]);
  });

  it("takes one before initialize() that does not", () => {
    const others: Attach[] = [{ entities: "plain" }, { entities: "audited", attached: { rows: "portable" } }];
    assert.deepEqual(outcomes(...others), ["attached", "attached"]);
  });

  it("does the same after initialize()", { skip: noServer }, () => {
    const attaches: Attach[] = [
      { entities: "audited", initialised: true },
      { entities: "plain", initialised: true, attached: { tables: "all" } },
      { entities: "plain", initialised: true },
      { entities: "audited", initialised: true, attached: { rows: "portable" } },
    ];
    assert.deepEqual(outcomes(...attaches), [missing, missing, "attached", "attached"]);
  });
});
