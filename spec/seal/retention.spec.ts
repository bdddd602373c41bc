/**
 * Backups that are deleted because of `keep`, and with them, later, the records that told of the first of them.
 */
import assert from "node:assert/strict";
import { readdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { trailRecord } from "#dist/log/appender";
import { sealSettings } from "#dist/log/seal";
import { verify } from "#dist/read/verify/verify";
import { encode } from "#dist/record/encode";
import { createRedactor } from "#dist/record/redactor";
import { Backups } from "#dist/writer/backups";
import { Crew } from "#dist/writer/crew";
import { Writer } from "#dist/writer/writer";
import { until } from "../support/until.js";
import { inFolder, settings } from "../writer/support.js";

const redactor = createRedactor();

/** A writer as another process would have it, each with a chain of its own. */
function opened(folder: string, name: string): Writer {
  const options = settings(folder, {
    path: join(folder, name),
    maxBytes: 3000,
    seal: sealSettings(true)!,
    threadFile: "/none",
  });
  return new Writer(
    options,
    new Crew(),
    () => "{}",
    (text) => text,
    { rotated: () => {} },
  );
}

function ended(writer: Writer): void {
  assert.equal(writer.finish(0, false), 0);
  writer.close();
}

function put(writer: Writer, count: number): void {
  for (let n = 0; n < count; n += 1) writer.write(JSON.stringify({ n, text: "x".repeat(500) }), "os");
}

/** What deletes all of the writer's backups but the newest. */
function keepingOne(writer: Writer): Backups {
  const keeping = { ...writer.settings, keep: { files: 1 } };
  return new Backups(keeping, 0, (retired) =>
    writer.write(encode(trailRecord("RETENTION", { ...retired }), redactor), "os"),
  );
}

/** Some rotations of the writer's file, after each of which but the newest backup is deleted. */
async function rotated(writer: Writer, times: number): Promise<void> {
  const backups = keepingOne(writer);
  for (let time = 0; time < times; time += 1) {
    put(writer, 6);
    await backups.tidy();
  }
}

/** What is wrong with the trail: nothing, since nobody has touched it. */
async function wrongWith(folder: string, witness: readonly string[] = []): Promise<unknown> {
  const { status, findings } = await verify(folder, { witness });
  return { status, findings: findings.map(({ kind, message }) => `${kind}: ${message}`) };
}

const INTACT = { status: "intact", findings: [] };

describe("a backup that was deleted because of `keep`", () => {
  it("is not missed where another log has a link to a chain in it", () =>
    inFolder(async (folder) => {
      const first = opened(folder, "a.log");
      put(first, 1);
      ended(first);
      const beside = opened(folder, "b.log");
      put(beside, 1);
      const second = opened(folder, "a.log");
      await rotated(second, 8);
      assert.deepEqual(await wrongWith(folder), INTACT);
      for (const writer of [beside, second]) ended(writer);
      assert.deepEqual(await wrongWith(folder), INTACT);
    }));

  it("is not missed by a chain that goes on after a long rest", () =>
    inFolder(async (folder) => {
      const resting = opened(folder, "a.log");
      put(resting, 1);
      const busy = opened(folder, "a.log");
      await rotated(busy, 8);
      put(resting, 1);
      assert.deepEqual(await wrongWith(folder), INTACT);
      for (const writer of [resting, busy]) ended(writer);
    }));

  it("is told of later where its place on the disk was needed for the line that tells of it", () =>
    inFolder(async (folder) => {
      const writer = opened(folder, "a.log");
      put(writer, 18);
      const [path, aside] = [join(folder, "a.log"), join(folder, "aside")];
      const backupsIn = (): number => readdirSync(folder).filter((name) => name.startsWith("a-")).length;
      assert.ok(backupsIn() > 2);
      renameSync(path, aside);
      symlinkSync("/dev/full", path);
      for (const line of [JSON.stringify({ text: "x".repeat(500) }), "{}"])
        while (writer.write(line, "memory"));
      const backups = keepingOne(writer);
      await backups.tidy();
      assert.equal(backupsIn(), 1);
      unlinkSync(path);
      renameSync(aside, path);
      // What waited in the ring becomes backups too, which are deleted meanwhile.
      await until(async () => (await verify(folder).catch(() => undefined))?.status === "intact");
      backups.stop();
      ended(writer);
      assert.deepEqual(await wrongWith(folder), INTACT);
    }));

  it("is not missed by a witness; what came after it is", () =>
    inFolder(async (folder) => {
      const writer = opened(folder, "a.log");
      await rotated(writer, 8);
      ended(writer);
      const witness = join(folder, "witness.txt");
      const seen = { chain: "0123456789abcdef", log: "a.log", seq: 7, hash: "0".repeat(64), file: 1 };
      const [newest] = readdirSync(folder).filter((name) => name.startsWith("a-"));
      assert.ok(newest);
      writeFileSync(witness, `${JSON.stringify({ ...seen, reason: "stop", at: Date.now() - 60_000 })}\n`);
      assert.deepEqual(await wrongWith(folder, [witness]), INTACT);
      writeFileSync(witness, `${JSON.stringify({ ...seen, reason: "stop", at: Date.now() })}\n`);
      assert.equal((await verify(folder, { witness: [witness] })).findings[0]?.kind, "missing-file");
    }));
});
