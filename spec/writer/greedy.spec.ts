import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import { CallerClaim } from "#dist/writer/owner";
import { Ring } from "#dist/writer/ring";
import { until } from "../support/until.js";
import { inFolder, linesOf, writing } from "./support.js";

const threadFile = join(__dirname, "programs", "greedy-thread.js");

describe("the end of a process", () => {
  it("writes all that waits, however soon the thread begins its next write", () =>
    inFolder((folder) =>
      writing(folder, { threadFile }, async (writer) => {
        const thread = new CallerClaim(new Ring(writer.memory).words);
        const lines = Array.from({ length: 50 }, (_, n) => String(n));
        for (const line of lines) {
          writer.write(line, "memory");
          await until(() => thread.threadIsWriting);
          assert.equal(writer.finish(2000, false), 0, `line ${line} waits`);
        }
        assert.deepEqual(linesOf(folder, "a"), lines);
      }),
    ));
});
