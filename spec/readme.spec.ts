/**
 * What the README shows is what there is: its commands, its snippets, its tables.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import type { Coverage } from "./rows/coverage.js";
import { snippets } from "./support/readme.js";

const root = resolve(__dirname, "../..");
const readme = join(root, "README.md");
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

function coverageTable(coverage: readonly Coverage[]): string {
  const rows = coverage.map(({ database, typeorm, exact, statement, unseen, operations }) =>
    [database, typeorm, `${exact} of ${operations}`, statement, unseen].join(" | "),
  );
  const head = ["database | TypeORM | exact | a statement record | not seen", "--- | --- | --- | --- | ---"];
  return `\n\n${[...head, ...rows].map((row) => `| ${row} |`).join("\n")}\n\n`;
}

/** What a table says, however wide its columns are drawn. */
const cells = (table: string): string => table.replaceAll(/ +/g, " ").replaceAll(/-+/g, "-").trim();

describe("README", () => {
  it("names only npm commands that there are", () => {
    const commands = snippets(readme)
      .filter(({ language }) => language === "sh")
      .flatMap(({ code }) => [...code.matchAll(/npm (?:run )?([\w:-]+)/g)].map(([, name]) => name!));
    const own = commands.filter((name) => name !== "ci" && name !== "install");
    assert.ok(own.includes("demo") && own.includes("test"), `found ${own}`);
    for (const name of own) assert.ok(manifest.scripts[name], `npm run ${name}`);
  });

  it("runs the demo in one command, and the demo ends well", () => {
    const directory = mkdtempSync(join(root, "build", "readme-demo-"));
    try {
      const shown = execFileSync(process.execPath, ["build/demo/main.js", "--directory", directory], {
        cwd: root,
        encoding: "utf8",
      });
      assert.match(shown, /What was recorded/);
      for (const file of ["app.log", "audit.log", "api.log", "login.log"]) {
        assert.ok(shown.includes(join(directory, file)));
        assert.ok(readFileSync(join(directory, file), "utf8").endsWith("\n"));
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("shows commands that read the demo's trail", () => {
    const directory = mkdtempSync(join(root, "build", "readme-trail-"));
    try {
      const trail = join(directory, "audit_logs");
      execFileSync(process.execPath, ["build/demo/main.js", "--directory", trail], {
        cwd: root,
        stdio: "ignore",
      });
      const changed = readFileSync(join(trail, "audit.log"), "utf8")
        .split("\n")
        .find((line) => line.includes('"UPDATE"'))!;
      const { request_id, instance_id } = JSON.parse(changed);
      const env = {
        ...process.env,
        REQUEST_ID: request_id,
        ID: instance_id,
        CLI: join(root, "dist/cli/main.js"),
      };
      for (const [file, least] of [
        ["README.md", 9],
        ["docs/reading.md", 9],
      ] as const) {
        const lines = snippets(join(root, file))
          .filter(({ language }) => language === "sh")
          .flatMap(({ code }) => code.split("\n"))
          .filter((line) => line.includes("npx activity-audit") && !line.includes(" serve"));
        assert.ok(lines.length >= least, `${file} has ${lines.length} commands`);
        for (const line of lines) {
          // What follows goes on until it is stopped.
          const command = line
            .replace("npx activity-audit", `"${process.execPath}" "$CLI"`)
            .replace("tail -f", "tail");
          const { status, stderr } = spawnSync("sh", ["-c", command], {
            cwd: directory,
            env,
            encoding: "utf8",
          });
          // 1 is an answer too: nobody with this id was there.
          assert.ok(status === 0 || status === 1, `${line} ended with ${status}: ${stderr}`);
          if (!/--user 7|as-of/u.test(line)) assert.equal(status, 0, `${line} found nothing: ${stderr}`);
        }
      }
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("has the table of row coverage that the row specs made", () => {
    const text = readFileSync(readme, "utf8");
    const [begin, end] = ["<!-- row coverage -->", "<!-- end of row coverage -->"];
    const from = text.indexOf(begin) + begin.length;
    const shown = text.slice(from, text.indexOf(end));
    const table = coverageTable(JSON.parse(readFileSync(join(root, "docs/row-coverage.json"), "utf8")));
    if (process.env["UPDATE_README"]) {
      writeFileSync(readme, text.slice(0, from) + table + text.slice(from + shown.length));
    } else {
      assert.equal(cells(shown), cells(table), "UPDATE_README=1 node spec/run.mjs readme writes it anew");
    }
  });
});
