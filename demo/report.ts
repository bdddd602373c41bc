/**
 * Shows people what stands in the audit's files: a table, one record of each kind, and where they are.
 *
 * @module
 */
import type { AuditRecord } from "activity-audit";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import Table from "cli-table3";
import pc from "picocolors";

const files = ["app.log", "audit.log", "api.log", "login.log"] as const;

export function report(directory: string): void {
  const records = ["audit.log", "api.log", "login.log"].flatMap((file) => readRecords(join(directory, file)));
  printCounts(records);
  printSamples(records);
  console.log(pc.bold("\nThe files:"));
  for (const file of files) {
    const path = join(directory, file);
    const lines = existsSync(path) ? readFileSync(path, "utf8").split("\n").length - 1 : 0;
    console.log(`  ${path}  ${pc.dim(`${lines} lines`)}`);
  }
}

function readRecords(path: string): AuditRecord[] {
  const lines = readFileSync(path, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as AuditRecord);
}

function printCounts(records: AuditRecord[]): void {
  const counts = new Map<string, { kind: string; what: string; outcome: string; count: number }>();
  for (const record of records) {
    const row = { kind: record.level, what: summary(record), outcome: record.outcome };
    const key = Object.values(row).join("\t");
    counts.set(key, { ...row, count: (counts.get(key)?.count ?? 0) + 1 });
  }
  const table = new Table({
    head: ["level", "what", "outcome", "records"],
    style: { head: ["bold"], compact: true },
  });
  for (const { kind, what, outcome, count } of counts.values()) {
    const paint = outcome === "success" ? pc.green : outcome === "denied" ? pc.yellow : pc.red;
    table.push([kind, what, paint(outcome), { content: String(count), hAlign: "right" }]);
  }
  console.log(pc.bold("\nWhat was recorded:"));
  console.log(table.toString());
}

function summary(record: AuditRecord): string {
  switch (record.name) {
    case "audit.crud":
      return `${record.event_type} ${record.model}`;
    case "audit.login":
      return record.event;
    case "audit.trail":
      return record.event_type;
    case "audit.event":
      return record.action;
    case "audit.request":
      if (record.request_type === "internal") {
        return `${record.request_repr.method} ${record.route ?? "(no route)"} ${record.response_repr.status_code ?? ""}`;
      }
      if (record.protocol === "sftp") return `${record.service_name}: SFTP ${record.request_repr.operation}`;
      if (record.protocol === "method") return `${record.service_name}: ${record.request_repr.method}()`;
      return `${record.service_name}: ${record.request_repr.method} ${record.response_repr.status_code ?? "no answer"}`;
  }
}

function printSamples(records: AuditRecord[]): void {
  const samples: [string, (record: AuditRecord) => boolean][] = [
    ["a row change", (record) => record.name === "audit.crud" && record.event_type === "UPDATE"],
    [
      "a request",
      (record) => record.name === "audit.request" && record.handler?.endsWith(".update") === true,
    ],
    ["an external call", (record) => record.name === "audit.request" && record.request_type === "external"],
    [
      "an SFTP operation",
      (record) =>
        record.name === "audit.request" &&
        record.protocol === "sftp" &&
        record.request_repr.operation === "put",
    ],
    ["a login", (record) => record.name === "audit.login"],
  ];
  for (const [title, wanted] of samples) {
    const record = records.find(wanted);
    if (!record) continue;
    console.log(pc.bold(`\nOne record: ${title}`));
    console.log(pc.dim(JSON.stringify(record, null, 2)));
  }
}
