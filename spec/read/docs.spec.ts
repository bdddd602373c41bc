/**
 * `docs/reading.md`, `docs/viewer.md` and `docs/sealing.md` say what there is: every command, option and column.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { cli, objects } from "./cli.js";
import { makeRecords, temporaryFolder, writeTrail } from "./trail.js";

const page = readFileSync("docs/reading.md", "utf8");
const names = (of: string) => new Set([...of.matchAll(/`([^`]+)`/gu)].map(([, name]) => name!));

/** Commands with a page of their own. */
const PAGES: Readonly<Record<string, string>> = { serve: "docs/viewer.md", verify: "docs/sealing.md" };

describe("docs/reading.md", () => {
  it("has every column of records, and no other", async () => {
    using folder = temporaryFolder();
    writeTrail(folder.path, makeRecords(50, 76));
    const { stdout } = await cli(["query", "-d", folder.path, "--json", "--sql", "DESCRIBE records"]);
    const columns = objects(stdout).map(({ column_name }) => column_name as string);
    const table = page.slice(page.indexOf("## SQL"), page.indexOf("`user` and `table` are words"));
    const first = [...table.matchAll(/^\| (`[^|]+) \|/gmu)].map(([, cell]) => cell!).join(" ");
    assert.deepEqual([...names(first)].toSorted(), columns.toSorted());
  });

  it("and the pages of single commands name every command and every option, and no other", async () => {
    const { stdout } = await cli(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gmu)].map(([, name]) => name!);
    assert.ok(commands.length >= 8);
    const known = new Set(["--help", "--version"]);
    for (const name of commands) {
      assert.ok(page.includes(`| \`${name}`), `the command ${name}`);
      const where = PAGES[name] ?? "docs/reading.md";
      const told = readFileSync(where, "utf8");
      const { stdout: help } = await cli([name, "--help"]);
      const options = [...help.matchAll(/^ {2}(?:(-\w), )?(--[a-z-]+)/gmu)]
        .map(([, short, option]) => ({ short, option: option! }))
        .filter(({ option }) => option !== "--help");
      for (const { short, option } of options) {
        known.add(option);
        assert.ok(
          told.includes(option) || (short !== undefined && told.includes(`\`${short}\``)),
          `${option} of ${name} in ${where}`,
        );
      }
    }
    // Not the options of other programs, as in `--external:activity-audit`.
    for (const where of [...Object.values(PAGES), "docs/reading.md"]) {
      const own = readFileSync(where, "utf8").replaceAll(/`npm run [^`]*`/gu, "");
      const told = own.match(/(?<![\w-])--[a-z][a-z-]*(?![\w:-])/gu) ?? [];
      assert.deepEqual(
        told.filter((option) => !known.has(option)),
        [],
        where,
      );
    }
  });
});
