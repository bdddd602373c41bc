/**
 * `tail`: the last records of a trail, and those that come while a real writer writes and rotates.
 */
import assert from "node:assert/strict";
import {
  appendFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import { findFiles } from "#dist/read/files";
import { follow } from "#dist/read/follow";
import { lastRecords } from "#dist/read/last";
import { backupPath } from "#dist/writer/backup-name";
import { rotate } from "#dist/writer/rotate";
import { cli, objects, startCli } from "./cli.js";
import { makeRecords, temporaryFolder, writeTrail, type Made } from "./trail.js";
import { until } from "../support/until.js";

const SEED = 72;

function gathered(stream: Readable): { text: string } {
  const so = { text: "" };
  stream.setEncoding("utf8").on("data", (text) => (so.text += text));
  return so;
}

describe("activity-audit tail", () => {
  it("shows the last records of all logs, in the order of time", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(2000, SEED);
    writeTrail(folder.path, records);
    for (const count of [0, 1, 20, 700, 5000]) {
      const { code, stdout } = await cli(["tail", "--dir", folder.path, "-n", `${count}`, "--json"]);
      assert.deepEqual(objects(stdout), count === 0 ? [] : records.slice(-count));
      assert.equal(code, count === 0 ? 1 : 0);
    }
  });

  it("shows so many as are asked for, and a request's story, however long", async () => {
    using folder = temporaryFolder();
    const [, made] = makeRecords(2, SEED);
    const lines = Array.from({ length: 130_000 }, (_, index) => {
      const { timestamp, name } = made!;
      return `${JSON.stringify({ timestamp, name, record_id: String(index), request_id: "r", parent_id: null })}\n`;
    });
    writeFileSync(join(folder.path, "audit.log"), lines.join(""));
    const { records } = await lastRecords(await findFiles(folder.path), 129_999);
    assert.deepEqual([records.length, records[0]!.record_id], [129_999, "1"]);
    const story = await cli(["timeline", "r", "-d", folder.path, "--json"]);
    assert.deepEqual([story.code, story.stdout.split("\n").length], [0, lines.length + 1]);
  });

  it("goes back as far as the filter makes it, over lines of any length", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(900, SEED);
    for (const index of [100, 400, 700]) records[index]!["message"] = "é".repeat(1_200_000);
    writeTrail(folder.path, records, 2);
    const args = ["tail", "-d", folder.path, "--json", "-n", "30", "--user", "7", "--log", "audit,api"];
    const { stdout } = await cli(args);
    const wanted = records.filter(
      ({ user, name }) => user?.id === 7 && (name === "audit.crud" || name === "audit.request"),
    );
    assert.ok(wanted.length > 10);
    assert.deepEqual(objects(stdout), wanted.slice(-30));
  });

  it("leaves a half line for later", async () => {
    using folder = temporaryFolder();
    const [one, two] = makeRecords(2, SEED).map((record) => JSON.stringify(record));
    writeFileSync(join(folder.path, "audit.log"), `${one}\n${two!.slice(0, 70)}`);
    const { stdout } = await cli(["tail", "-d", folder.path, "--json"]);
    assert.equal(stdout, `${one}\n`);
  });

  it("-f shows each record once, in order, through rotations, compressions, half lines and new logs", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit.log");
    const records = makeRecords(3000, SEED);
    const lines = records.map((record) => `${JSON.stringify(record)}\n`);
    writeFileSync(path, lines.slice(0, 50).join("") + lines[50]!.slice(0, 33));
    const child = startCli(["tail", "-f", "-d", folder.path, "-n", "10", "--json"]);
    try {
      const shown = gathered(child.stdout!);
      await until(() => shown.text.split("\n").length > 10);
      appendFileSync(path, lines[50]!.slice(33));
      for (let at = 51; at < 2900; at += 150) {
        appendFileSync(path, lines.slice(at, Math.min(at + 150, 2900)).join(""));
        if (at % 4 === 3) await sleep(90);
        const old = statSync(path).ino;
        rotate(path, old, Date.now());
        writeFileSync(path, "");
        // A writer that has not seen the rotation yet.
        if (at === 651) {
          await sleep(300);
          const backup = readdirSync(folder.path).find(
            (name) => statSync(join(folder.path, name)).ino === old,
          )!;
          appendFileSync(join(folder.path, backup), `${JSON.stringify(records[2900])}\n`);
          await until(() => shown.text.includes(records[2900]!["record_id"] as string));
        }
        if (at === 1251) {
          await sleep(300);
          for (const name of readdirSync(folder.path).filter((one) => /^audit-.*log$/u.test(one)))
            compress(name);
        }
      }
      writeFileSync(join(folder.path, "login.log"), lines[2901]!);
      await until(() => shown.text.includes(records[2901]!["record_id"] as string));
      await until(() => shown.text.includes(records[2899]!["record_id"] as string));
      const ids = objects(shown.text).map((record: Made) => record["record_id"] as string);
      const wanted = records.slice(40, 2902).map((record) => record["record_id"] as string);
      assert.deepEqual(ids.toSorted(), wanted.toSorted());
      assert.deepEqual(
        ids.filter((id) => wanted.indexOf(id) < 2860),
        wanted.slice(0, 2860),
      );
    } finally {
      child.kill();
      await once(child, "close");
    }

    function compress(name: string): void {
      const from = join(folder.path, name);
      writeFileSync(`${from}.part`, gzipSync(readFileSync(from)));
      renameSync(`${from}.part`, `${from}.gz`);
      rmSync(from);
    }
  });

  it("-f shows each record once, in order, however fast rotations follow each other", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit.log");
    const records = makeRecords(1200, SEED);
    writeFileSync(path, "");
    const found: unknown[] = [];
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(300_000)]);
    const writing = (async () => {
      for (const [at, record] of records.entries()) {
        appendFileSync(path, `${JSON.stringify(record)}\n`);
        if (at % 3 > 0) continue;
        rotate(path, statSync(path).ino, Date.now());
        // Between the two there is no live file for a moment.
        if (at % 5 === 0) await sleep(1);
        writeFileSync(path, "");
        await sleep(1);
      }
    })();
    for await (const batch of follow(folder.path, { everyMs: 1, signal })) {
      found.push(...batch.map(({ record_id }) => record_id));
      if (found.length >= records.length) stop.abort();
    }
    await writing;
    assert.deepEqual(
      found,
      records.map(({ record_id }) => record_id),
    );
  });

  it("-f shows a log that begins under the inode that a deleted backup had", async () => {
    using folder = temporaryFolder();
    const [before, after] = makeRecords(2, SEED).map((record) => `${JSON.stringify(record)}\n`);
    const backup = backupPath(join(folder.path, "audit.log"), Date.now(), "0123abcd");
    writeFileSync(backup, before!);
    const known = await findFiles(folder.path);
    // What a file system does by itself when it likes, done on purpose.
    writeFileSync(backup, after!);
    renameSync(backup, join(folder.path, "login.log"));
    const records = follow(folder.path, { known, signal: AbortSignal.timeout(300_000) });
    const { value } = await records.next();
    await records.return(undefined);
    assert.deepEqual(value, [JSON.parse(after!)]);
  });

  it("-f says once which file it cannot open, and goes on with it when it can", async () => {
    using folder = temporaryFolder();
    const [shown, hidden] = makeRecords(2, SEED).map((record) => JSON.stringify(record));
    writeFileSync(join(folder.path, "audit.log"), `${shown}\n`);
    chmodSync(folder.path, 0o755);
    // To root no file is closed.
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const child = startCli(["tail", "-f", "-d", folder.path, "--json"], nobody);
    const [stdout, stderr] = [gathered(child.stdout!), gathered(child.stderr!)];
    try {
      await until(() => stdout.text.includes("\n"));
      const closed = join(folder.path, "login.log");
      writeFileSync(closed, `${hidden}\n`, { mode: 0 });
      await until(() => stderr.text.includes("\n"));
      await sleep(500);
      assert.equal(stderr.text, `could not be read to its end: ${closed} (EACCES)\n`);
      chmodSync(closed, 0o644);
      await until(() => stdout.text.includes(hidden!));
      assert.equal(stdout.text, `${shown}\n${hidden}\n`);
    } finally {
      child.kill();
      await once(child, "close");
    }
  });

  it("says which file it cannot read, and shows the others", { skip: process.getuid?.() !== 0 }, async () => {
    using folder = temporaryFolder();
    const [shown, hidden] = makeRecords(2, SEED).map((record) => JSON.stringify(record));
    writeFileSync(join(folder.path, "audit.log"), `${shown}\n`);
    chmodSync(folder.path, 0o755);
    const closed = join(folder.path, "login.log");
    writeFileSync(closed, `${hidden}\n`, { mode: 0 });
    const answer = await cli(["tail", "-d", folder.path, "--json"], { uid: 65_534, gid: 65_534 });
    assert.deepEqual(answer, {
      code: 0,
      stdout: `${shown}\n`,
      stderr: `could not be read to its end: ${closed} (EACCES)\n`,
    });
  });

  it("shows hostile records without letting them write to the terminal", async () => {
    using folder = temporaryFolder();
    const hostile = "\u001b]0;owned\u0007\u001b[2J\u009b31m\r\n\u202etxt\u2028";
    const records = makeRecords(60, SEED).map((record) => {
      const spoil = (value: unknown): unknown => {
        if (typeof value === "string") return hostile;
        if (Array.isArray(value)) return value.map(spoil);
        if (typeof value !== "object" || value === null) return value;
        return Object.fromEntries(Object.entries(value).map(([key, of]) => [`${key}${hostile}`, spoil(of)]));
      };
      const known = new Set(["name", "request_type", "protocol"]);
      return Object.fromEntries(
        Object.entries(record).map(([key, value]) => [key, known.has(key) ? value : spoil(value)]),
      );
    });
    writeFileSync(
      join(folder.path, "audit.log"),
      records.map((record) => `${JSON.stringify(record)}\n`).join(""),
    );
    for (const args of [
      ["-n", "60"],
      ["-n", "60", "--json"],
    ]) {
      const { stdout, stderr } = await cli(["tail", "-d", folder.path, ...args]);
      assert.equal(stdout.split("\n").length, 61);
      // oxlint-disable-next-line no-control-regex
      assert.doesNotMatch(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u202e]/u);
      if (args.includes("--json")) assert.deepEqual(objects(stdout), records);
      else assert.match(stdout, /\\u001b\]0;owned/u);
    }
  });

  it("colours for people, and not where NO_COLOR is set", async () => {
    using folder = temporaryFolder();
    writeTrail(folder.path, makeRecords(50, SEED));
    const plain = await cli(["tail", "-d", folder.path], { env: { NO_COLOR: "1" } });
    const coloured = await cli(["tail", "-d", folder.path], { env: { FORCE_COLOR: "1", NO_COLOR: "" } });
    assert.ok(!plain.stdout.includes("\u001b["));
    assert.ok(coloured.stdout.includes("\u001b[32m"));
    // oxlint-disable-next-line no-control-regex
    assert.equal(coloured.stdout.replaceAll(/\u001b\[\d+m/gu, ""), plain.stdout);
  });
});
