/**
 * The packed tarball, installed into fresh projects as a user would, with the README's example.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { on, once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, before, describe, it } from "node:test";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { AuditRecord } from "activity-audit";
import { assertRecord } from "../support/schema.js";
import { snippetNamed } from "../support/readme.js";

const root = resolve(__dirname, "../../..");
const compiler = join(root, "node_modules/typescript/bin/tsc");
const peers = ["express", "log4js", "reflect-metadata", "sql.js", "typeorm", "@types/express", "@types/node"];

describe("the packed tarball, in a fresh project", () => {
  let installed: string;

  before(async () => {
    installed = await mkdtemp(join(tmpdir(), "packed-"));
    const packed = execFileSync(
      "npm",
      ["pack", "--json", "--ignore-scripts", "--pack-destination", installed],
      {
        cwd: root,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      },
    );
    const [{ filename }] = JSON.parse(packed) as [{ filename: string }];
    const { devDependencies } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const versions = peers.map((name) => `${name}@${devDependencies[name]}`);
    await writeFile(join(installed, "package.json"), JSON.stringify({ name: "fresh", private: true }));
    execFileSync(
      "npm",
      [
        "install",
        "--prefer-offline",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        `./${filename}`,
        ...versions,
      ],
      { cwd: installed, stdio: ["ignore", "ignore", "inherit"] },
    );
  });

  after(() => rm(installed, { recursive: true, force: true }));

  it("has the command line, without what its users may not have", () => {
    const help = run(installed, "--help").stdout;
    for (const command of ["tail", "query", "timeline", "history", "as-of", "stats", "export", "explain"])
      assert.match(help, new RegExp(`^  ${command} `, "mu"));
    const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    assert.equal(run(installed, "--version").stdout, `${version}\n`);
  });

  it("answers without DuckDB, and says what SQL needs", async () => {
    const record = { timestamp: "2026-01-05 09:00:00.000", name: "audit.event", action: "sample" };
    const project = join(installed, "trail");
    await mkdir(join(project, "audit_logs"), { recursive: true });
    await writeFile(join(project, "audit_logs/audit.log"), `${JSON.stringify(record)}\n`);
    const found = run(project, "query", "--event", "sample", "--json");
    assert.deepEqual([found.status, found.stdout], [0, `${JSON.stringify(record)}\n`]);
    assert.equal(JSON.parse(run(project, "stats", "--json").stdout).records, 1);
    const refused = run(project, "query", "--sql", "SELECT 1");
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /npm install @duckdb\/node-api.*\[AUDIT_PEER_MISSING\]/u);
  });

  it("names no types of peers in its declarations but those of axios and ssh2-sftp-client", async () => {
    const project = join(installed, "checked");
    await mkdir(project);
    const options = { ...compilerOptions.compilerOptions, skipLibCheck: false, noEmit: true };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions: options }));
    await writeFile(
      join(project, "index.ts"),
      'import { audit, HttpClient } from "activity-audit";\naudit.koa();\nnew HttpClient("a");\n',
    );
    const { stdout } = spawnSync(process.execPath, [compiler, "-p", project], { encoding: "utf8" });
    const lines = stdout.trimEnd().split("\n");
    const missing = lines.map((line) => /TS2307: Cannot find module '([^']+)'/u.exec(line)?.[1] ?? line);
    assert.deepEqual(new Set(missing), new Set(["axios", "ssh2-sftp-client"]));
  });

  for (const type of ["commonjs", "module"] as const) {
    it(`runs the README's example in a project of type ${type}`, async () => {
      const project = join(installed, type);
      await mkdir(project);
      await writeFile(join(project, "package.json"), JSON.stringify({ name: "fresh", private: true, type }));
      await writeFile(join(project, "tsconfig.json"), JSON.stringify(compilerOptions));
      const example = snippetNamed(join(root, "README.md"), "quickstart.ts");
      assert.ok(example.includes("app.listen(3000)"));
      await writeFile(
        join(project, "quickstart.ts"),
        example.replace(
          "app.listen(3000)",
          'const server = app.listen(0, "127.0.0.1", () => console.log(JSON.stringify(server.address())))',
        ),
      );
      execFileSync(process.execPath, [compiler, "-p", project], { stdio: "inherit" });

      const answer = await useExample(project);
      const [records, requests] = await Promise.all([
        readRecords(join(project, "audit_logs/audit.log")),
        readRecords(join(project, "audit_logs/api.log")),
      ]);
      const [row] = records.filter(({ name }) => name === "audit.crud");
      assert.ok(row?.name === "audit.crud");
      assert.equal(row.message, `CREATE event for Patient (id: ${answer.id})`);
      assert.equal(row.instance_label, "Grace Hopper");
      assert.equal(row.instance_repr?.["name"], "Grace Hopper");
      assert.notEqual(row.instance_repr?.["phone"], "+1 202 555 0143");
      const [request] = requests;
      assert.ok(request?.name === "audit.request");
      assert.equal(request.outcome, "success");
      assert.equal(row.request_id, request.request_id);
      assert.equal(row.parent_id, request.record_id);
    });
  }
});

function run(cwd: string, ...args: string[]) {
  return spawnSync("npx", ["--no-install", "activity-audit", ...args], { cwd, encoding: "utf8" });
}

const compilerOptions = {
  compilerOptions: {
    module: "nodenext",
    target: "es2022",
    strict: true,
    experimentalDecorators: true,
    emitDecoratorMetadata: true,
    // The declarations name the types of optional peers (axios, ssh2-sftp-client) that this project lacks.
    skipLibCheck: true,
    types: ["node"],
  },
};

/** Starts the example, sends it one patient, and stops it as a process manager does. */
async function useExample(project: string): Promise<{ id: string }> {
  const example = spawn(process.execPath, ["quickstart.js"], {
    cwd: project,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(example, "exit");
  try {
    const { port } = await addressIn(example.stdout);
    const response = await fetch(`http://127.0.0.1:${port}/patients`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "Grace Hopper", phone: "+1 202 555 0143" }),
    });
    assert.equal(response.status, 201);
    return (await response.json()) as { id: string };
  } finally {
    example.kill("SIGTERM");
    await ended;
  }
}

/** Where the example listens, which it says in a line of its own. */
async function addressIn(output: Readable): Promise<AddressInfo> {
  for await (const [line] of on(createInterface(output), "line", { close: ["close"] })) {
    if (line.startsWith('{"address"')) return JSON.parse(line) as AddressInfo;
  }
  throw new Error("the example did not begin to listen");
}

async function readRecords(path: string): Promise<AuditRecord[]> {
  const lines = (await readFile(path, "utf8")).split("\n").slice(0, -1);
  return lines.map((line) => assertRecord(line) as unknown as AuditRecord);
}
