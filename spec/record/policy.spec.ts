import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { AuditError } from "#dist/errors";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { explain } from "#dist/record/explain";
import { DEFAULT_KEYS } from "#dist/record/keys";
import { createRedactor, type RedactionPolicy } from "#dist/record/redactor";
import { assertRecord } from "../support/schema.js";
import { requestEvent, rowEvent, STAMP } from "./events.js";

const KEY = "a key of at least sixteen bytes";

function written(extra: Record<string, unknown>, policy: RedactionPolicy) {
  const event = requestEvent({ extra, context: undefined });
  return assertRecord(encode(buildRecord(event, STAMP), createRedactor(policy)));
}

function refused(policy: RedactionPolicy): string {
  try {
    createRedactor(policy);
  } catch (error) {
    assert.ok(error instanceof AuditError && error.code === "AUDIT_OPTION_INVALID");
    return error.message;
  }
  return assert.fail("the policy was taken");
}

describe("a redaction policy", () => {
  it("says what is gone, what is masked and what has a pseudonym", () => {
    const policy = {
      redact: ["diagnosis"],
      mask: ["phone", "email"],
      pseudonymise: ["national_id"],
      pseudonymKey: KEY,
    };
    const { extra, redacted } = written(
      {
        diagnosis: "flu",
        phone: "+41 79 123 45 67",
        Email: "ana@a.example",
        nationalId: "756.1234",
        kept: 1,
      },
      policy,
    );
    assert.match(extra.nationalId, /^psn_[\w-]{22}$/u);
    assert.deepEqual(extra, {
      action: "patient.update",
      diagnosis: "[REDACTED]",
      phone: "***5 67",
      Email: "a***@a.example",
      nationalId: extra.nationalId,
      kept: 1,
    });
    assert.deepEqual(redacted, ["/extra/diagnosis", "/extra/phone", "/extra/Email", "/extra/nationalId"]);
  });

  it("gives equal values equal pseudonyms, under one key, in any place", () => {
    const policy = { pseudonymise: ["nid"], pseudonymKey: KEY };
    const { extra } = written(
      { nid: "1", inner: { nid: 1 }, text: "nid=1&x=2", other: [{ nid: "2" }] },
      policy,
    );
    assert.equal(extra.nid, extra.inner.nid);
    assert.equal(extra.text, `nid=${extra.nid}&x=2`);
    assert.notEqual(extra.nid, extra.other[0].nid);
    const elsewhere = written({ nid: "1" }, { ...policy, pseudonymKey: `${KEY}!` });
    assert.notEqual(extra.nid, elsewhere.extra.nid);
  });

  it("masks a list and an object in every part, and hides none of what is absent", () => {
    const policy = { mask: ["phones"], redact: ["note"] };
    const { extra, redacted } = written(
      { phones: ["0791234567", { home: 44123456 }, null], note: null },
      policy,
    );
    assert.deepEqual(extra.phones, ["***67", { home: "***56" }, null]);
    assert.equal(extra.note, null);
    assert.deepEqual(redacted, ["/extra/phones"]);
  });

  it("may keep a name of the default list", () => {
    const { extra } = written({ pin: "4711", password: "x-y-z" }, { keep: ["PIN"] });
    assert.deepEqual([extra.pin, extra.password], ["4711", "[REDACTED]"]);
  });

  it("finds card numbers only if asked, and no forms at all if told", () => {
    const note = "card 4111 1111 1111 1111, jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.abc";
    assert.equal(written({ note }, {}).extra.note, "card 4111 1111 1111 1111, jwt [REDACTED]");
    assert.equal(written({ note, number: 4111111111111111 }, { detect: true }).extra.number, "[REDACTED]");
    assert.equal(written({ note }, { detect: true }).extra.note, "card [REDACTED], jwt [REDACTED]");
    assert.equal(written({ note }, { detect: false }).extra.note, note);
    assert.equal(
      written({ note }, { detect: ["cardNumber"] }).extra.note.startsWith("card [REDACTED], jwt eyJ"),
      true,
    );
  });

  it("is refused when pseudonyms could be undone, or a kind is unknown", () => {
    assert.match(refused({ pseudonymise: ["a"] }), /pseudonymKey` is missing/u);
    assert.match(refused({ pseudonymise: ["a"], pseudonymKey: "short" }), /5 bytes long/u);
    assert.match(refused({ detect: ["jwt", "tea" as "jwt"] }), /"tea".*"cardNumber"/u);
  });

  it("is refused when a name in it is not known, or a limit is no number", () => {
    assert.match(refused({ limits: { string: "8" as never } }), /`redact.limits.string` is "8"/u);
    assert.match(refused({ limits: { total: 0 } }), /`redact.limits.total` is 0; expected .* at least 1/u);
    const misspelt: [object, string][] = [
      [{ maks: ["phone"] }, "redact.maks"],
      [{ limits: { dept: 3 } }, "redact.limits.dept"],
    ];
    for (const [policy, found] of misspelt) {
      const isTold = ({ code, message }: AuditError) =>
        code === "AUDIT_OPTION_UNKNOWN" && message.includes(`\`${found}\``);
      assert.throws(() => createRedactor(policy as RedactionPolicy), isTold);
    }
  });

  it("hides nothing twice: what was redacted already stays as it is", () => {
    const redactor = createRedactor({ mask: ["phone"], pseudonymise: ["nid"], pseudonymKey: KEY });
    const event = requestEvent({
      url: "/x?token=abc&q=1",
      requestHeaders: ["Authorization", "Bearer abcdef12", "Cookie", "a=b; c=d"],
      extra: { nid: "12345", note: "password=abc; x=1", list: [{ name: "secret", value: "v-v-v" }] },
    });
    const once = encode(buildRecord(event, STAMP), redactor);
    assert.equal(encode(JSON.parse(once) as object, redactor), once);
  });

  it("lists each place once, and no more than a hundred", () => {
    const many = Object.fromEntries(
      Array.from({ length: 150 }, (_, index) => [`k${index}`, { password: "x-y-z" }]),
    );
    const { redacted } = written(many, {});
    assert.equal(redacted.length, 101);
    assert.deepEqual(
      [redacted[0], redacted[99], redacted[100]],
      ["/extra/k0/password", "/extra/k99/password", "(50 more)"],
    );
    assert.equal(written({ "a/b~c": { token: "abc" } }, {}).redacted[0], "/extra/a~1b~0c/token");
  });

  it("does not touch what the application gave", () => {
    const given = { password: "x-y-z", list: [{ token: "t-t-t", when: new Date(0) }] };
    const before = structuredClone(given);
    written(given, {});
    assert.deepEqual(given, before);
  });

  it("has the default list that docs/redaction.md shows", () => {
    const doc = readFileSync("docs/redaction.md", "utf8");
    const listed =
      /<!-- default names -->\n+([\s\S]*?)\n+<!-- end -->/u.exec(doc)?.[1]?.match(/`([^`]+)`/gu) ?? [];
    assert.deepEqual(
      listed.map((name) => name.slice(1, -1)),
      [...DEFAULT_KEYS],
    );
  });
});

describe("explain", () => {
  it("tells what would be written, what is hidden, and why", () => {
    const { record, redacted } = explain(
      {
        password: "correct horse",
        note: "my correct horse",
        key: "AKIAIOSFODNN7EXAMPLE",
        phone: "0791234567",
      },
      { mask: ["phone"] },
    );
    assert.deepEqual(record.extra, {
      password: "[REDACTED]",
      note: "my [REDACTED]",
      key: "[REDACTED]",
      phone: "***67",
    });
    assert.deepEqual(redacted, [
      { path: "/extra/password", action: "redact", because: "the name `password` is on the list" },
      {
        path: "/extra/key#cloudKey",
        action: "redact",
        because: "the value has the form of a secret (cloudKey)",
      },
      { path: "/extra/phone", action: "mask", because: "the name `phone` is on the list" },
      { path: "/extra/note", action: "redact", because: "the same value is hidden elsewhere in the record" },
    ]);
  });

  it("takes a whole record too", () => {
    const record = buildRecord(rowEvent({ after: { id: 1, token: "abcdefgh" } }), STAMP)!;
    const { redacted } = explain(record);
    assert.deepEqual(
      redacted.map(({ path }) => path),
      ["/instance_repr/token", "/changed_fields/token/to"],
    );
  });
});
