/**
 * The corpus of secrets through all of the logging: none may stand in a file, on the console or in what we say of
 * ourselves, whichever way it came and whoever made its line.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { secretsInPlaces } from "../record/corpus.js";

/** In the forms in which it could stand in a line. */
function formsOf(secret: string): string[] {
  const escaped = JSON.stringify(secret).slice(1, -1);
  return [...new Set([secret, escaped, encodeURIComponent(secret), Buffer.from(secret).toString("base64")])];
}

describe("a secret of the corpus", () => {
  for (const durability of ["memory", "os"] as const) {
    it(`is in no file, on no console and in no word of ours (${durability})`, () => {
      const directory = mkdtempSync(join(tmpdir(), "audit-secrets-"));
      try {
        const { status, stdout, stderr } = spawnSync(
          process.execPath,
          [join(__dirname, "programs/secrets.js"), directory, durability],
          { encoding: "utf8", maxBuffer: 2 ** 30 },
        );
        assert.equal(status, 0, stderr.slice(0, 2000));
        const files = readdirSync(directory).map((name): [string, string] => [
          name,
          readFileSync(join(directory, name), "utf8"),
        ]);
        const secrets = secretsInPlaces();
        const lines = files.reduce((sum, [, text]) => sum + text.split("\n").length - 1, 0);
        assert.ok(
          secrets.length > 500 && lines > 3 * secrets.length,
          `${lines} lines of ${secrets.length} secrets`,
        );
        assert.match(stdout, /health: \{.*context\.actor/u);
        const all = [...files, ["the console", stdout + stderr] as const];
        for (const { value, title } of [...secrets, { value: "in-a-fault-of-ours", title: "a fault" }]) {
          for (const form of formsOf(value)) {
            for (const [where, text] of all) {
              const at = text.indexOf(form);
              if (at >= 0)
                assert.fail(`${title}: ${form} in ${where}: ${text.slice(Math.max(0, at - 200), at + 60)}`);
            }
          }
        }
      } finally {
        rmSync(directory, { recursive: true });
      }
    });
  }
});
