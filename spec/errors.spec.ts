import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AuditError } from "#dist/errors";

/** The codes as they stand in the table of `src/errors.ts`, which the types are made of and nothing exports. */
const codes = [...readFileSync("src/errors.ts", "utf8").matchAll(/^ {2}(AUDIT_[A-Z_]+):/gmu)].map(
  ([, code]) => code!,
);
const doc = readFileSync("docs/errors.md", "utf8");
const sections = new Map(
  [...doc.matchAll(/^## (AUDIT_[A-Z_]+)\n([\s\S]*?)(?=^## |$(?![\s\S]))/gmu)].map(([, code, text]) => [
    code!,
    text!,
  ]),
);

describe("error codes", () => {
  it("each have a heading in docs/errors.md, and no heading is of no code", () => {
    assert.ok(codes.length > 0, "codes were found in src/errors.ts");
    const undocumented = codes.filter((code) => !sections.has(code));
    assert.deepEqual(
      undocumented,
      [],
      `Write in docs/errors.md, for each of ${undocumented.join(", ")}: "## CODE", "**Cause.** …", "**Remedy.** …".`,
    );
    const retired = [...sections].filter(
      ([code, text]) => !codes.includes(code) && !/^\*\*Retired/mu.test(text),
    );
    assert.deepEqual(
      retired.map(([code]) => code),
      [],
      'A heading whose code is gone from src/errors.ts begins its section with "**Retired.** Since …".',
    );
  });

  it("are told with cause and remedy", () => {
    const thin = codes.filter(
      (code) => !/\*\*Cause\.\*\* [\s\S]+\*\*Remedy\.\*\* /u.test(sections.get(code) ?? ""),
    );
    assert.deepEqual(
      thin,
      [],
      `These sections of docs/errors.md lack **Cause.** or **Remedy.**: ${thin.join(", ")}`,
    );
  });

  it("are used once each, and stand at the end of the message", () => {
    assert.deepEqual(codes, [...new Set(codes)]);
    const error = new AuditError("AUDIT_OPTION_INVALID", ["start.serviceName", "42", "a string"]);
    assert.equal(error.code, "AUDIT_OPTION_INVALID");
    assert.equal(error.name, "AuditError");
    assert.match(error.message, /start\.serviceName.*42.*a string.*\[AUDIT_OPTION_INVALID\]$/u);
  });
});
