import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { assertRecord } from "../support/schema.js";

describe("docs/records.md", () => {
  it("shows one true sample of each record type", () => {
    const doc = readFileSync("docs/records.md", "utf8");
    const samples = [...doc.matchAll(/```json\n([\s\S]*?)```/gu)].map(([, json]) =>
      assertRecord(JSON.stringify(JSON.parse(json!))),
    );
    const types = readdirSync("schema")
      .filter((file) => file.startsWith("audit."))
      .map((file) => file.replace(".json", ""));
    assert.deepEqual(
      [...new Set(samples.map(({ name }) => name))].toSorted(),
      [...types, "app.start"].toSorted(),
    );
    const protocols = samples.filter(({ name }) => name === "audit.request").map(({ protocol }) => protocol);
    assert.deepEqual(protocols, ["http", "https", "sftp", "method"]);
  });
});
