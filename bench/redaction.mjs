/**
 * What hiding secrets adds to writing a record as JSON: `encodeLine`, as the appender calls it, against
 * `JSON.stringify`, in one thread, without a file. The record is the appender suite's; most records hold no secret, so a second one holds two.
 *
 * @module
 */
import { createRequire } from "node:module";
import { requestRecord } from "./appender/record.mjs";

const require = createRequire(import.meta.url);
const { encodeLine } = require("../dist/record/encode.js");
const { createRedactor } = require("../dist/record/redactor.js");

const RECORDS = 256;
const COUNT = 20_000;
const redactor = createRedactor();
const CONTENDERS = { json_stringify: JSON.stringify, encode: (record) => encodeLine(record, redactor) };

export async function bench({ rounds, report, progress }) {
  const plain = Array.from({ length: RECORDS }, (_, number) => requestRecord(number));
  report({
    metric: "cpu_ratio_no_secret",
    against: "json_stringify",
    value: ratio(plain, rounds),
    target: 1.25,
  });
  progress("records with secrets");
  const secret = plain.map(withSecrets);
  report({ metric: "cpu_ratio_two_secrets", against: "json_stringify", value: ratio(secret, rounds) });
}

function withSecrets(record) {
  const { headers } = record.request_repr;
  const sent = { ...headers, authorization: "Bearer mF_9.B5f-4.1JqM", cookie: "sid=s%3Aq8LrT2; theme=dark" };
  return { ...record, request_repr: { ...record.request_repr, headers: sent } };
}

/** The median of the rounds' ratios; both run in each round, so that a slow moment of the machine meets both. */
function ratio(records, rounds) {
  for (const write of Object.values(CONTENDERS)) cpuOf(write, records);
  const ratios = Array.from({ length: rounds }, () => {
    const baseline = cpuOf(CONTENDERS.json_stringify, records);
    return cpuOf(CONTENDERS.encode, records) / baseline;
  });
  return ratios.toSorted((one, other) => one - other)[Math.floor(rounds / 2)];
}

function cpuOf(write, records) {
  const begin = process.cpuUsage();
  let characters = 0;
  for (let index = 0; index < COUNT; index += 1) characters += write(records[index % RECORDS]).length;
  const { user, system } = process.cpuUsage(begin);
  return characters > 0 ? user + system : 0;
}
