import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { identityOf, Library } from "#dist/capture/typeorm/postgres/library";
import { loadParser } from "#dist/capture/typeorm/postgres/parser";

const tenant = (number: number): string => identityOf(`tenant_${number}`, "{public}", "origin", 150_000);
const text = (number: number): string => `SELECT '${"x".repeat(2 ** 20)}' AS import_${number}`;

describe("the plans that are kept", () => {
  it("hold no more than so many characters, under all identities together", async () => {
    const library = new Library({
      parser: loadParser(),
      sink: { committed: () => {} },
      scope: { includes: () => true },
      limits: { maxRowsPerStatement: 1000, maxImageBytes: 2 ** 26, prepare: false },
      defaultSchema: "public",
      outbox: undefined,
    });
    await library.ready;
    const first = library.plan(text(0), tenant(0));
    assert.equal(library.plan(text(0), tenant(0)), first);
    const plans = Array.from({ length: 20 }, (_, number) =>
      library.plan(text(number + 1), tenant(number + 1)),
    );
    assert.notEqual(library.plan(text(0), tenant(0)), first);
    assert.equal(library.plan(text(20), tenant(20)), plans.at(-1));
  });
});
