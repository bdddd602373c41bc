/**
 * `explain`: the line that would be written, by the policy of a file.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { audit } from "activity-audit";
import { cli, objects } from "./cli.js";
import { temporaryFolder } from "./trail.js";

const sample = {
  password: "hunter2 is my dog",
  phone: "+1 202 555 0143",
  author: "Ana",
  nested: { badge: "B-1174-X" },
};
const policy = { mask: ["phone"], redact: ["badge"] };

const count = async (input: string) => {
  const { code, stdout } = await cli(["explain", "-", "--json"], { input });
  return [code, objects(stdout).length];
};

describe("activity-audit explain", () => {
  it("shows what audit.explain() says, of a file and of stdin", async () => {
    using folder = temporaryFolder();
    const file = join(folder.path, "sample.json");
    writeFileSync(file, JSON.stringify(sample, null, 2));
    const { line, redacted } = audit.explain(sample, {});
    assert.ok(redacted.length > 0);
    for (const answer of [
      await cli(["explain", file, "--json"]),
      await cli(["explain", "-", "--json"], { input: JSON.stringify(sample) }),
    ]) {
      assert.deepEqual([answer.code, answer.stderr], [0, ""]);
      assert.deepEqual(objects(answer.stdout), [{ line, redacted }]);
    }
  });

  it("takes the policy from a module of any kind, or from JSON", async () => {
    using folder = temporaryFolder();
    const expected = audit.explain(sample, policy);
    const text = JSON.stringify(policy);
    const configs = {
      "a.cjs": `module.exports = { serviceName: "clinic", redact: ${text} };`,
      "b.cjs": `exports.default = ${text};`,
      "c.mjs": `export default { redact: ${text} };`,
      "d.mjs": `export const redact = ${text};`,
      "e.json": `{"redact": ${text}}`,
      "f.json": text,
    };
    for (const [name, content] of Object.entries(configs)) {
      writeFileSync(join(folder.path, name), content);
      const args = ["explain", "-", "--json", "--config", name];
      const { code, stdout, stderr } = await cli(args, { input: JSON.stringify(sample), cwd: folder.path });
      assert.deepEqual([code, stderr], [0, ""], name);
      assert.deepEqual(objects(stdout), [{ line: expected.line, redacted: expected.redacted }], name);
    }
  });

  it("shows people the record, each place and why; never a secret", async () => {
    const { stdout } = await cli(["explain", "-"], {
      input: JSON.stringify({ ...sample, note: "\u001b[2J" }),
    });
    assert.match(stdout, /"author": "Ana"/u);
    assert.match(stdout, /\/extra\/password │ redact\s+│ the name `password` is on the list/u);
    assert.ok(!stdout.includes("hunter2") && !stdout.includes("\u001b"));
    const harmless = await cli(["explain", "-"], { input: '{"author":"Ana"}' });
    assert.match(harmless.stdout, /Nothing would be hidden/u);
  });

  it("takes several samples: a list, one a line, or texts", async () => {
    assert.deepEqual(await count('[{"a":1},{"password":"x"}]'), [0, 2]);
    assert.deepEqual(await count('{"a":1}\n\n{"password":"x"}\n'), [0, 2]);
    assert.deepEqual(await count("login with password=hunter2secret\n42"), [0, 2]);
    assert.deepEqual(await count(""), [1, 0]);
    const { stdout } = await cli(["explain", "-", "--json"], { input: "login with password=hunter2secret" });
    assert.ok(!stdout.includes("hunter2secret"));
  });

  it("says what is wrong with a file or a policy", async () => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, "bad.json"), '{"redact":{"detect":["nothing"]}}');
    writeFileSync(join(folder.path, "misspelt.json"), '{"redaction":{"mask":["phone"]}}');
    writeFileSync(join(folder.path, "no-list.json"), '{"redact":{"mask":"phone"}}');
    writeFileSync(join(folder.path, "throws.cjs"), 'throw new Error("on load")');
    for (const [args, code] of [
      [["nowhere.json"], "AUDIT_TRAIL_MISSING"],
      [["-", "-c", "nowhere.cjs"], "AUDIT_OPTION_INVALID"],
      [["-", "-c", "throws.cjs"], "AUDIT_OPTION_INVALID"],
      [["-", "-c", "bad.json"], "AUDIT_OPTION_INVALID"],
      [["-", "-c", "misspelt.json"], "AUDIT_OPTION_UNKNOWN"],
      [["-", "-c", "no-list.json"], "AUDIT_OPTION_INVALID"],
    ] as const) {
      const answer = await cli(["explain", ...args], { cwd: folder.path, input: "{}" });
      assert.deepEqual([answer.code, answer.stdout], [2, ""], args.join(" "));
      assert.match(answer.stderr, new RegExp(code, "u"));
    }
  });
});
