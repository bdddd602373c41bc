import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { verify } from "#dist/read/verify/verify";
import { inFolder, run, start } from "../writer/support.js";
import { ALTERATIONS, type Expected, randomFrom, SealedDirectory } from "./altered.js";
import { until } from "../support/until.js";

const KEY = "a key of the specs, 32 bytes long";
const SEED = Number(process.env.AUDIT_SEAL_SEED ?? Date.now() % 1_000_000_000);
/** The figure. */
const ALTERED = Number(process.env.AUDIT_SEAL_ALTERED ?? 500);
/** Processes killed and rotations without a false alarm; the figure is 100. */
const CRASHES = Number(process.env.AUDIT_SEAL_CRASHES ?? 12);

/* Its chain is in the register once its first line is in the file. */
async function untilWriting(folder: string, child: ChildProcess): Promise<void> {
  const register = join(folder, ".activity-audit.seal");
  await until(() => {
    assert.equal(child.exitCode, null);
    return existsSync(register) && readFileSync(register, "utf8").includes(`"pid":${child.pid},`);
  });
}

async function crashing(folder: string, env: Record<string, string>, kills: number): Promise<void> {
  const survivors = [
    start("writes", [folder, "storm", "0"], env),
    start("writes", [folder, "storm", "0"], env),
  ];
  for (let killed = 0; killed < kills; killed += 2) {
    const victims = [
      start("writes", [folder, "storm", "0"], env),
      start("writes", [folder, "storm", "0"], env),
    ];
    await Promise.all(victims.map((victim) => untilWriting(folder, victim)));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
    for (const victim of victims) victim.kill("SIGKILL");
    await Promise.all(victims.map((victim) => once(victim, "exit")));
  }
  await Promise.all(survivors.map((survivor) => untilWriting(folder, survivor)));
  for (const survivor of survivors) survivor.kill("SIGTERM");
  await Promise.all(survivors.map((survivor) => once(survivor, "exit")));
}

interface Base {
  readonly name: string;
  readonly directory: SealedDirectory;
  readonly key: string | undefined;
}

async function make(
  bases: Base[],
  root: string,
  name: string,
  key: string | undefined,
  work: (folder: string, env: Record<string, string>) => Promise<unknown>,
): Promise<void> {
  const folder = join(root, name);
  mkdirSync(folder, { recursive: true });
  const seal = { ...(key && { key }), checkpointEvery: { records: 40 } };
  await work(folder, { SEAL: JSON.stringify(seal), MAX_BYTES: "60000" });
  bases.push({ name, directory: SealedDirectory.read(folder), key });
}

async function twoAfterAnother(folder: string, env: Record<string, string>): Promise<void> {
  await run("writes", [folder, "exit", "350"], env);
  await run("writes", [folder, "exit", "350"], env);
}

describe("verify, of a trail that was altered", () => {
  const bases: Base[] = [];
  const root = join(process.cwd(), "build", `tamper-${process.pid}-${basename(__dirname)}`);

  before(async () => {
    console.log(`AUDIT_SEAL_SEED=${SEED}`);
    await make(bases, root, "keyed", KEY, twoAfterAnother);
    await make(bases, root, "plain", undefined, twoAfterAnother);
    await make(bases, root, "gzip", KEY, async (folder, env) => {
      await twoAfterAnother(folder, env);
      for (const name of readdirSync(folder).filter((file) => file.startsWith("api-"))) {
        writeFileSync(join(folder, `${name}.gz`), gzipSync(readFileSync(join(folder, name))));
        unlinkSync(join(folder, name));
      }
    });
    await make(bases, root, "together", KEY, async (folder, env) => {
      await Promise.all(Array.from({ length: 3 }, () => run("writes", [folder, "exit", "250"], env)));
    });
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it("finds nothing where nothing was altered", async () => {
    for (const { name, key } of bases) {
      const { status, findings, gaps } = await verify(join(root, name), {
        key: key ? Buffer.from(key) : undefined,
      });
      assert.deepEqual({ name, status, findings, gaps }, { name, status: "intact", findings: [], gaps: [] });
    }
  });

  it(`names each of ${ALTERED} random alterations`, async () => {
    const random = randomFrom(SEED);
    const names = Object.keys(ALTERATIONS);
    const wrong: unknown[] = [];
    const done = new Map<string, number>();
    for (let count = 0; count < ALTERED;) {
      const { name, directory, key } = bases[random(bases.length)]!;
      const what = names[random(names.length)]!;
      const copy = directory.copy();
      const expected = ALTERATIONS[what]!(copy, random);
      if (!expected) continue;
      count += 1;
      done.set(what, (done.get(what) ?? 0) + 1);
      const folder = join(root, "altered");
      mkdirSync(folder);
      copy.write(folder);
      const { status, findings } = await verify(folder, { key: key ? Buffer.from(key) : undefined });
      rmSync(folder, { recursive: true });
      const [first] = findings;
      const found: Expected = {
        kind: first?.kind ?? status,
        file: first?.file && basename(first.file),
        lines: [first?.line ?? 0],
      };
      if (!isNamed(expected, found))
        wrong.push({ count, base: name, what, expected, found, all: findings.slice(0, 3) });
    }
    if (wrong.length > 0) console.log(JSON.stringify(wrong.slice(0, 20), null, 1));
    assert.equal(wrong.length, 0, `${wrong.length} of ${ALTERED} were not named rightly, seed ${SEED}`);
    assert.deepEqual([...names].toSorted(), [...done.keys()].toSorted(), "each kind of alteration was made");
  });
});

function isNamed(expected: Expected, found: Expected): boolean {
  if (expected.kind !== found.kind) return false;
  if (expected.file === undefined) return true;
  return expected.file === found.file && (expected.lines ?? []).includes(found.lines![0]!);
}

describe("verify, of a trail that crashes and rotates", () => {
  it(`has no false alarm over ${CRASHES} kills among four processes`, () =>
    inFolder(async (folder) => {
      const env = {
        SEAL: JSON.stringify({ key: KEY, checkpointEvery: { records: 200 } }),
        MAX_BYTES: "400000",
      };
      const writing = crashing(folder, env, CRASHES).then(() => true);
      // While it is written, too.
      let looks = 0;
      while (
        !(await Promise.race([writing, new Promise<false>((resolve) => setTimeout(resolve, 700, false))]))
      ) {
        const { findings } = await verify(folder, { key: Buffer.from(KEY) }).catch(() => ({ findings: [] }));
        assert.deepEqual(findings, []);
        looks += 1;
      }
      await run("writes", [folder, "exit", "10"], env);
      const { status, findings, gaps, chains, sealed } = await verify(folder, { key: Buffer.from(KEY) });
      assert.deepEqual({ status, findings, gaps }, { status: "intact", findings: [], gaps: [] });
      const crashed = chains.filter(({ ended: how }) => how === "crashed").length;
      assert.equal(chains.filter(({ ended: how }) => how === "stopped").length, 3);
      assert.ok(crashed > 0 && crashed <= CRASHES, `${crashed} crashed`);
      console.log(`${looks} looks; ${sealed} lines, ${chains.length} chains, ${crashed} crashed`);
    }));
});
