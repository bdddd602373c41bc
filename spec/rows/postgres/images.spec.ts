/** What is read of a row's JSON, where strings look like its keys, and where the table is not any more what it was. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseExact } from "#dist/capture/typeorm/exact";
import { imageReader } from "#dist/capture/typeorm/postgres/images";

const simple = { id: "int4", name: "varchar", price: "numeric", a$b: "int8", f: "float8", bytes: "bytea" };
const row = {
  id: "1",
  name: String.raw`"x,\"price\":12.50"`,
  price: "12.50",
  a$b: "-9223372036854775807",
  f: "1e-7",
  bytes: String.raw`"\\x00ff"`,
};
const image = {
  id: 1,
  name: 'x,"price":12.50',
  price: "12.50",
  a$b: "-9223372036854775807",
  f: 1e-7,
  bytes: new Uint8Array([0, 255]),
};

const json = (values: Record<string, string>): string =>
  `{${Object.entries(values)
    .map(([column, value]) => `"${column}":${value}`)
    .join(",")}}`;

describe("the image of a row", () => {
  const cases: Record<
    string,
    [types: Record<string, string>, values: Record<string, string>, expected: object]
  > = {
    "keeps all digits": [simple, row, image],
    "keeps a bracket in a string": [simple, { ...row, name: '"{"' }, { ...image, name: "{" }],
    "keeps what is no number": [
      simple,
      { ...row, price: '"NaN"', a$b: "null" },
      { ...image, price: "NaN", a$b: null },
    ],
    "keeps all digits of a column that came later": [
      simple,
      { ...row, later: "12345678901234567890", object: '{"price":1.50,"n":2}' },
      { ...image, later: "12345678901234567890", object: { price: "1.50", n: 2 } },
    ],
    "lacks a column that has gone": [
      simple,
      { id: "1", price: "1.0", name: '"x"' },
      { id: 1, price: "1.0", name: "x" },
    ],
    "keeps all digits of what comes to a table without such columns": [
      { id: "int4" },
      { id: "1", later: "12345678901234567890" },
      { id: 1, later: "12345678901234567890" },
    ],
    "keeps the digits in lists and in JSON": [
      { id: "int4", prices: "_numeric", data: "jsonb" },
      { id: "1", prices: "[1.10,null,-2.00]", data: '{"id":12345678901234567890,"n":1.5}' },
      { id: 1, prices: ["1.10", null, "-2.00"], data: { id: "12345678901234567890", n: 1.5 } },
    ],
  };
  for (const [name, [types, values, expected]] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(imageReader(new Map(Object.entries(types)))(json(values)), expected));
  }

  it("keeps all digits behind a text of megabytes", () => {
    const text = String.raw`12 \\ \" `.repeat(2_000_000);
    const read = imageReader(new Map(Object.entries({ id: "int8", note: "text", data: "jsonb" })));
    const values = { id: "12345678901234567890", note: `"${text}"`, data: `{"n":12345678901234567891}` };
    const { id, note, data } = read(json(values));
    assert.deepEqual([id, data], ["12345678901234567890", { n: "12345678901234567891" }]);
    assert.equal(note, text.replaceAll(/\\(.)/g, "$1"));
    assert.deepEqual(parseExact(json(values)), { id, note, data });
  });
});
