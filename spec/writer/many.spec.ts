import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { describe, it } from "node:test";
import { faultsOf, inFolder, linesOf, parsed, start, WHOLE } from "./support.js";

/** Records of each process; the figure is 50000. */
const EACH = Number(process.env.AUDIT_WRITER_RECORDS ?? 5000);
/** Processes killed; the figure is 1000. */
const KILLS = Number(process.env.AUDIT_WRITER_KILLS ?? 25);

describe("many processes on one file", () => {
  it("lose, tear and double nothing through more than twenty rotations", () =>
    inFolder(async (folder) => {
      const size = EACH * 4 * 480;
      const env = { MAX_BYTES: String(Math.floor(size / 24)) };
      const children = Array.from({ length: 4 }, () => start("writes", [folder, "exit", String(EACH)], env));
      await Promise.all(children.map((child) => once(child, "exit")));
      const backups = readdirSync(folder).filter((file) => file.startsWith("api-"));
      assert.ok(backups.length >= 20, `${backups.length} rotations`);
      assert.deepEqual(
        readdirSync(folder).filter((file) => file.includes(".lock")),
        [],
        "no lock is left",
      );
      assert.deepEqual(
        faultsOf(linesOf(folder, "api"), new Map(children.map(({ pid }) => [pid!, EACH]))),
        WHOLE,
      );
    }));

  it("outlive a storm of kills: a half line stays alone, and survivors lose nothing", () =>
    inFolder(async (folder) => {
      const env = { MAX_BYTES: "1000000" };
      const survivor = start("writes", [folder, "storm", "0"], env);
      for (let killed = 0; killed < KILLS; killed += 2) {
        const victims = [
          start("writes", [folder, "storm", "0"], env),
          start("writes", [folder, "storm", "0"], env),
        ];
        await new Promise((resolve) => setTimeout(resolve, 200 + Math.random() * 50));
        for (const victim of victims) victim.kill("SIGKILL");
        await Promise.all(victims.map((victim) => once(victim, "exit")));
      }
      survivor.kill("SIGTERM");
      await once(survivor, "exit");
      const lines = linesOf(folder, "api");
      const torn = lines.filter((line) => !parsed(line));
      const glued = torn.filter((line) => line.includes('{"record_id"', 1));
      assert.deepEqual(glued, [], "no half line is glued to a whole one");
      assert.ok(torn.length <= KILLS, `${torn.length} half lines of ${KILLS} killed`);
      const own = lines.map(parsed).filter((record) => record?.by === survivor.pid);
      const last = Math.max(...own.map((record) => record!.n));
      const whole = lines.filter((line) => parsed(line));
      assert.deepEqual(faultsOf(whole, new Map([[survivor.pid!, last + 1]])), WHOLE);
    }));
});
