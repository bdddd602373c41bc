/**
 * `docs/reading.md` says what there is: every command, option and column.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { cli, objects } from "./cli.js";
import { makeRecords, temporaryFolder, writeTrail } from "./trail.js";

const page = readFileSync("docs/reading.md", "utf8");
const names = (of: string) => new Set([...of.matchAll(/`([^`]+)`/gu)].map(([, name]) => name!));

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

  it("names every command, and every option of a command", async () => {
    const { stdout } = await cli(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) \[options\]/gmu)].map(([, name]) => name!);
    assert.ok(commands.length >= 8);
    const own = commands.filter((name) => !["verify", "serve"].includes(name));
    for (const name of own) {
      assert.ok(page.includes(`| \`${name}`), `the command ${name}`);
      const help = await cli([name, "--help"]);
      const options = [...help.stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gmu)].map(([, option]) => option!);
      for (const option of options.filter((one) => one !== "--help")) {
        const short = new RegExp(`^ {2}(-\\w), ${option}\\b`, "mu").exec(help.stdout)?.[1];
        assert.ok(page.includes(option) || (short && page.includes(`\`${short}\``)), `${option} of ${name}`);
      }
    }
  });
});
