/**
 * Holds written lines to the record contract: `schema/*.json`, and the order of fields, which JSON Schema
 * cannot say.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";

/** As it was parsed: what it has is for the spec to say. */
export type WrittenRecord = Record<string, any>;

const folder = join(process.cwd(), "schema");
const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false, strictRequired: false });
const schemas = new Map<string, { properties: Record<string, unknown> }>();
for (const file of readdirSync(folder)) {
  const schema = JSON.parse(readFileSync(join(folder, file), "utf8"));
  schemas.set(file, schema);
  ajv.addSchema(schema);
}

const SEAL = ["chain", "seq", "hash"];

/**
 * Parses one line and fails unless it is one whole record of the contract.
 *
 * @returns the record, for further checks
 */
export function assertRecord(line: string): WrittenRecord {
  assert.ok(!/[\n\r\u2028\u2029]/u.test(line.trimEnd()), "a record is one line");
  const record = JSON.parse(line) as WrittenRecord;
  const file = schemas.has(`${record.name}.json`) ? `${record.name}.json` : "container.json";
  const validate = ajv.getSchema(file)!;
  if (!validate(record)) {
    assert.fail(`not a record of ${file}: ${ajv.errorsText(validate.errors, { separator: "\n" })}\n${line}`);
  }
  assert.deepEqual(
    Object.keys(record),
    orderOf(file).filter((field) => Object.hasOwn(record, field)),
    "order of fields",
  );
  return record;
}

/** All lines of a file's text; the last line break included. */
export function assertRecords(text: string): WrittenRecord[] {
  assert.ok(text === "" || text.endsWith("\n"), "the last line is whole");
  return text.split("\n").slice(0, -1).map(assertRecord);
}

function orderOf(file: string): string[] {
  const common = Object.keys(schemas.get("common.json")!.properties).filter((field) => !SEAL.includes(field));
  const own = Object.keys(schemas.get(file)!.properties);
  return [...new Set([...common, ...own, ...SEAL])];
}
