/**
 * What random messages are made of, with all that makes one unusual.
 *
 * @module
 */
import fc from "fast-check";
import { SECRET_NAMES } from "./corpus.js";
import { bodyOfBytes } from "./events.js";
import { HARMLESS_FIELDS, HARMLESS_TEXTS } from "./harmless.js";

/** Names of fields, some of which hide their values. */
export const name = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...Object.keys(HARMLESS_FIELDS)) },
  { weight: 1, arbitrary: fc.constantFrom(...SECRET_NAMES) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "value",
      "values",
      "name",
      "user[pin]",
      "\udc00",
      "a.token",
      "p in",
      "ｐin",
      "__proto__",
      "",
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 12 }) },
);
/** Texts, in some of which something hides. */
export const text = fc.oneof(
  { weight: 10, arbitrary: fc.constantFrom(...HARMLESS_TEXTS) },
  { weight: 8, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      "password=hunter2",
      "pin\n: 12345678",
      "to\u001bken: 12345678",
      '{"token":"abcdefgh"}',
      '[["password","hunter2"],"https://a/","a@b.example","k=v"]',
      "https://ana:secret@example.org/",
      "https://example.org/?a=b%26token%3Dx",
      "select * from users where password = 'hunter2'",
      "it's what you select from it",
      "<password>hunter2</password>",
      "Bearer mF_9.B5f-4.1JqM",
      "ghp_0123456789abcdefghijklmnopqrstuvwxyz",
      "\u0085\u2028",
      "mF_9.B5f-4.1JqM was sent",
      "\udc00a%26password%3Dhunter2",
      '{"\udc00":"password=hunter2"}',
      '{"\\udc00":"password=hunter2"}',
    ),
  },
);
/** Values of JSON. */
export const { tree } = fc.letrec((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    { weight: 4, arbitrary: text },
    { weight: 4, arbitrary: fc.constantFrom<unknown>(null, true, 0, 4711, -1.5, 1e21, 1e-7, "") },
    { weight: 3, arbitrary: fc.dictionary(name, tie("tree"), { maxKeys: 4 }) },
    { weight: 2, arbitrary: fc.array(tie("tree"), { maxLength: 3 }) },
    { weight: 1, arbitrary: fc.tuple(name, text).map((pair) => [pair]) },
  ),
}));

/** Bodies, and bodies that are none: cut off, put together, spaced, with names that come twice. */
const damage: readonly ((json: string, at: number) => string)[] = [
  (json) => json,
  (json) => json,
  (json) => json,
  (json, at) => json.slice(0, at),
  (json, at) => json.slice(0, at) + json.slice(at + 1),
  (json, at) => `${json.slice(0, at)}"${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)}\\${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)},${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)}0${json.slice(at)}`,
  (json, at) => `${json.slice(0, at)}\n${json.slice(at)}`,
  (json) => json.replaceAll(/[a-z]/gu, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`),
  (json) => json.replaceAll("/", "\\/"),
  (json) => (json.startsWith("{") ? `{"pin":1,"note":{"pin":"12345678"},${json.slice(1)}` : json),
  (json) => (json.startsWith('{"') ? `{"id":"hunter22","id":1,${json.slice(1)}` : json),
  (json) => `${json}${json}`,
  (json) => JSON.stringify(JSON.parse(json), null, 1),
];
export const bodyText = fc
  .tuple(tree, fc.nat(), fc.nat({ max: damage.length - 1 }))
  .map(([value, at, how]) => {
    const json = JSON.stringify(value) ?? "null";
    return damage[how]!(json, at % (json.length + 1));
  });
export const body = bodyText.map((json) => bodyOfBytes(json));
export const header = fc.tuple(
  fc.oneof(
    fc.constantFrom("Host", "Accept", "User-Agent", "X-Request-Id", "Referer", "x-team", "X-Team", "Value"),
    fc.constantFrom("Authorization", "Cookie", "X-Api-Key", "X-Custom.Token", "Set-Cookie"),
  ),
  fc.oneof(
    text,
    fc.constantFrom("Bearer mF_9.B5f-4.1JqM", "sid=s3cr3t-0123456789; theme=dark", "a", "x".repeat(300)),
  ),
);
export const headLine = ([key, value]: readonly [string, string]): string =>
  `${key}: ${value.replaceAll(/[^\u0020-\u00ff]/gu, "?")}\r\n`;
