import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { describe, it } from "node:test";
import { faultsOf, inFolder, linesOf, start, WHOLE } from "./support.js";

/** Records of each process; the figure is 50000. */
const EACH = Number(process.env.AUDIT_WRITER_RECORDS ?? 5000);
/** Processes killed; the figure is 1000. */
const KILLS = Number(process.env.AUDIT_WRITER_KILLS ?? 60);

describe("many processes on one file", () => {
  it("lose, tear and double nothing through more than twenty rotations", () =>
    inFolder(async (folder) => {
      const size = EACH * 4 * 480;
      // Half of what twenty rotations need: a batch that waited is written whole, so some files are larger.
      const env = { MAX_BYTES: String(Math.floor(size / 48)) };
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

  it("outlive a storm of kills: no half line is glued to a whole one, and the survivor loses nothing", () => {
    const { told, kills, seen, missing, doubled, torn, glued, halves, others, rotations } = storm(KILLS);
    assert.ok(told > 0 && others > 0 && rotations > 0, "survivor and victims wrote");
    assert.ok(seen >= told);
    assert.ok(halves <= kills, `${halves} half lines of ${kills} killed`);
    assert.deepEqual(
      { kills, missing, doubled, torn, glued },
      { kills: KILLS, missing: 0, doubled: 0, torn: 0, glued: 0 },
    );
  });

  it("leave a sealed trail in which a storm of kills is no more than that", () => {
    const kills = Math.ceil(KILLS / 4);
    const { told, missing, doubled, torn, glued, verified } = storm(
      kills,
      "a key of the specs, 32 bytes long",
    );
    assert.ok(told > 0);
    assert.deepEqual({ missing, doubled, torn, glued }, { missing: 0, doubled: 0, torn: 0, glued: 0 });
    const { ended, ...found } = verified!;
    assert.deepEqual(found, { status: "intact", findings: {}, gaps: [] });
    const { stopped, crashed = 0, open = 0 } = ended;
    assert.equal(stopped, 1, "the survivor's chain");
    // Some are killed before they write.
    assert.ok(crashed + open > 0 && crashed + open <= kills, `${crashed} crashed, ${open} open`);
  });
});

interface Storm extends Record<"told" | "kills" | "seen" | "missing" | "doubled" | "torn", number> {
  readonly glued: number;
  readonly halves: number;
  readonly others: number;
  readonly rotations: number;
  readonly verified?: {
    readonly status: string;
    readonly findings: object;
    readonly gaps: readonly string[];
    readonly ended: Readonly<Record<string, number>>;
  };
}

function storm(kills: number, ...key: string[]): Storm {
  const program = resolve("bench/losses/storm.mjs");
  const { stdout } = spawnSync(process.execPath, [program, String(kills), ...key], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  return JSON.parse(stdout) as Storm;
}
