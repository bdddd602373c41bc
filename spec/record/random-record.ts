/**
 * Random records.
 *
 * @module
 */
import fc from "fast-check";
import { buildRecord } from "#dist/record/build";
import { buildCustom } from "#dist/record/stated";
import { SECRET_NAMES } from "./corpus.js";
import { AT, CONTEXT, httpCallEvent, rowEvent, STAMP } from "./events.js";
import { HARMLESS_FIELDS, HARMLESS_TEXTS } from "./harmless.js";

const MOMENT = { at: AT, context: CONTEXT };

const name = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...Object.keys(HARMLESS_FIELDS)) },
  { weight: 1, arbitrary: fc.constantFrom(...SECRET_NAMES) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("value", "params", "values", "rawHeaders", "name", "key", "query", "toJSON"),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("user[password]", "a.token", "pass word", "ｐin", "__proto__", "\u2028"),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant("k".repeat(300)) },
);
const text = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...HARMLESS_TEXTS) },
  { weight: 4, arbitrary: fc.string({ unit: "grapheme", maxLength: 60 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "password=hunter2",
      '{"token":"abcdefgh"}',
      "api key: 12345678",
      "https://ana:secret@example.org/",
      "https://example.org/?a=b%26token%3Dx",
      "select * from users where password = 'hunter2'",
      "<password>hunter2</password>",
      "Bearer mF_9.B5f-4.1JqM",
      "sent ghp_0123456789abcdefghijklmnopqrstuvwxyz",
      "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2ln",
      "AKIAIOSFODNN7EXAMPLE is the key",
      "\u0085\u2028",
      "x".repeat(40_000),
    ),
  },
);
const leaf = fc.oneof(
  { weight: 8, arbitrary: text },
  { weight: 6, arbitrary: fc.constantFrom<unknown>(null, true, 0, 4711, -1.5, 1e21, "", undefined) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<unknown>(NaN, 12n, Symbol("x"), new Date(0), new Map(), () => 1),
  },
);
const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    fc.dictionary(name, tie("tree"), { maxKeys: 4 }),
    fc.array(tie("tree"), { maxLength: 3 }),
    fc.tuple(name, tie("tree")).map((pair) => [pair]),
  ),
}));
export const custom = (extra: Record<string, unknown>): object =>
  buildCustom({ action: "a.b", extra }, MOMENT, STAMP);
const fields = fc.dictionary(name, tree, { maxKeys: 4 });

/** Records with all that makes one unusual: names and texts that hide something, values that are no JSON. */
export const randomRecord = fc.oneof(
  fields.map(custom),
  fc
    .tuple(tree, tree, fields)
    .map(([requestBody, responseBody, extra]) =>
      buildRecord(httpCallEvent({ requestBody, responseBody, extra, url: "https://a.example/x" }), STAMP),
    ),
  fields.map((after) => buildRecord(rowEvent({ after }), STAMP)!),
  fields,
) as fc.Arbitrary<object>;
