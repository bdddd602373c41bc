/**
 * The files of a trail, their lines and their records, as they stand on the disk.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join, resolve } from "node:path";
import { describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { findFiles, locate } from "#dist/read/files";
import { lastRecords } from "#dist/read/last";
import { readLines } from "#dist/read/lines";
import { readInOrder, readRecords, type LogRecord } from "#dist/read/records";
import { ReadReport } from "#dist/read/report";
import { rotate } from "#dist/writer/rotate";
import { logOf, makeRecords, temporaryFolder, writeTrail, type Made } from "./trail.js";

const SEED = 71;

async function allOf(batches: AsyncIterable<LogRecord[]>): Promise<LogRecord[]> {
  const all: LogRecord[] = [];
  for await (const batch of batches) all.push(...batch);
  return all;
}

describe("the files of a trail", () => {
  it("are found oldest first, live ones last, and nothing else with them", async () => {
    using folder = temporaryFolder();
    writeTrail(folder.path, makeRecords(400, SEED));
    for (const name of ["audit.log.lock", ".audit-20260105T090000.000Z-00000000.log.12.gz", "notes.txt"]) {
      writeFileSync(join(folder.path, name), "not a record\n");
    }
    const files = await findFiles(folder.path);
    assert.equal(files.length, 16);
    assert.deepEqual(
      files.filter(({ log }) => log === "api.log").map(({ live, gzip }) => [live, gzip]),
      [
        [false, false],
        [false, true],
        [false, false],
        [true, false],
      ],
    );
    assert.deepEqual(
      files.slice(-4).map(({ path }) => basename(path)),
      ["api.log", "app.log", "audit.log", "login.log"],
    );
    const audit = await findFiles(folder.path, { logs: ["audit"] });
    assert.deepEqual(new Set(audit.map(({ log }) => log)), new Set(["audit.log"]));
  });

  it("are taken once while a backup is being compressed", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit-20260105T090000.000Z-00000000.log");
    writeFileSync(path, "{}\n");
    writeFileSync(`${path}.gz`, gzipSync("{}\n"));
    assert.deepEqual(
      (await findFiles(folder.path)).map((file) => file.path),
      [`${path}.gz`],
    );
  });

  it("are all found while they are rotated", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit.log");
    writeFileSync(path, "0\n");
    const [LOOKS, ROTATIONS] = [20, 20];
    // In a process of its own, so that it comes between any two steps of the search; so many rotations for each byte.
    const program = `
      const { rotate } = require(${JSON.stringify(resolve(__dirname, "../../../dist/writer/rotate.js"))});
      const { readSync, statSync, writeFileSync } = require("node:fs");
      const path = process.argv[1];
      let number = 0;
      while (readSync(0, Buffer.alloc(1)) === 1) {
        for (const last = number + ${ROTATIONS}; number < last; ) {
          rotate(path, statSync(path).ino, Date.now());
          writeFileSync(path, (number += 1) + "\\n");
          process.stdout.write(".");
        }
      }`;
    const rotating = spawn(process.execPath, ["-e", program, path], { stdio: ["pipe", "pipe", "inherit"] });
    const ended = once(rotating, "close");
    let rotations = 0;
    rotating.stdout.on("data", (dots: Buffer) => (rotations += dots.length));
    try {
      for (let look = 0; look < LOOKS; look += 1) {
        const begun = once(rotating.stdout, "data");
        rotating.stdin.write("+");
        await begun;
        const before = rotations;
        const files = await findFiles(folder.path);
        assert.ok(files.length >= before, `${files.length} files after ${before} rotations`);
        // Each file holds its number, so that all below it were there before it: none is left out.
        for (const [index, file] of files.entries()) {
          const now = await locate(file);
          // What is live can be renamed before it is opened.
          if (now && now.path !== path) assert.equal(Number(readFileSync(now.path, "utf8")), index);
        }
      }
    } finally {
      rotating.stdin.end();
      await ended;
    }
    assert.equal(rotations, LOOKS * ROTATIONS);
    assert.equal((await findFiles(folder.path)).length, rotations + 1);
  });

  it("are missing with a code", async () => {
    using folder = temporaryFolder();
    await assert.rejects(findFiles(folder.path), { code: "AUDIT_TRAIL_MISSING" });
    await assert.rejects(findFiles(join(folder.path, "nowhere")), { code: "AUDIT_TRAIL_MISSING" });
  });

  it("are found again after a rotation, and after a compression", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit.log");
    const [record] = makeRecords(1, SEED);
    writeFileSync(path, `${JSON.stringify(record)}\n`);
    const files = await findFiles(path);
    assert.ok(rotate(path, statSync(path).ino, Date.now()));
    writeFileSync(path, "the next file\n");
    assert.deepEqual(await allOf(readRecords(files)), [record]);

    const backup = join(
      folder.path,
      readdirSync(folder.path).find((name) => name.startsWith("audit-"))!,
    );
    const found = await findFiles(backup);
    writeFileSync(`${backup}.gz`, gzipSync(`${JSON.stringify(record)}\n`));
    rmSync(backup);
    assert.deepEqual(await allOf(readRecords(found)), [record]);
  });
});

describe("a live file that is rotated and compressed before it is read", () => {
  for (const [how, takesInode] of [
    ["as its backup, and not as the file that began after it", false],
    ["as its backup, and not as the file that got its inode", true],
  ] as const) {
    it(`is read ${how}`, async () => {
      using folder = temporaryFolder();
      const path = join(folder.path, "audit.log");
      const records = makeRecords(4, SEED);
      const lines = records.map((record) => `${JSON.stringify(record)}\n`);
      const backup = (day: number) => join(folder.path, `audit-2026010${day}T090000.000Z-00000000.log`);
      writeFileSync(backup(5), lines[0]!);
      writeFileSync(path, lines[1]!);
      const files = await findFiles(folder.path);
      writeFileSync(`${backup(6)}.gz`, gzipSync(lines[1]!));
      writeFileSync(backup(7), lines[2]!);
      const next = takesInode ? path : `${path}.new`;
      writeFileSync(next, lines[3]!);
      renameSync(next, path);
      assert.deepEqual(await allOf(readRecords(files)), records.slice(0, 2));
      const { records: last } = await lastRecords(files, 10);
      assert.deepEqual(last, records.slice(0, 2));
    });
  }
});

describe("a backup that is compressed before it is read", () => {
  it("is read as that, and not as the file that got its inode", async () => {
    using folder = temporaryFolder();
    const [one, other] = makeRecords(2, SEED);
    const path = join(folder.path, "audit-20260105T090000.000Z-00000000.log");
    writeFileSync(path, `${JSON.stringify(one)}\n`);
    const files = await findFiles(folder.path);
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path)));
    writeFileSync(path, `${JSON.stringify(other)}\n`);
    renameSync(path, join(folder.path, "audit.log"));
    assert.deepEqual(await allOf(readRecords(files)), [one]);
  });
});

describe("the lines of a file", () => {
  it("have their bytes and their places, also when they are longer than what is read at once", async () => {
    using folder = temporaryFolder();
    const texts = ["", "short", "é".repeat(1_500_000), "\r", "x".repeat(3 << 20), "last, without its end"];
    const whole = Buffer.from(texts.join("\n"));
    for (const [name, bytes] of [
      ["a.log", whole],
      ["a.log.gz", gzipSync(whole)],
    ] as const) {
      writeFileSync(join(folder.path, name), bytes);
      const [file] = await findFiles(join(folder.path, name));
      const found: [string, number, string | undefined][] = [];
      for await (const lines of readLines(file!)) {
        for (const { bytes: line, offset, number, fault } of lines) {
          assert.ok(whole.subarray(offset, offset + line.length).equals(line));
          found.push([line.toString(), number, fault]);
        }
      }
      assert.deepEqual(
        found,
        texts.map((text, index) => [text, index + 1, index === texts.length - 1 ? "unended" : undefined]),
      );
    }
  });

  it("without a break fill no memory", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "a.log");
    writeFileSync(path, "");
    truncateSync(path, 300 << 20); // a hole: zeros without one byte on the disk
    appendFileSync(path, "\nafter");
    const [file] = await findFiles(path);
    const lines = [];
    for await (const batch of readLines(file!)) lines.push(...batch);
    assert.deepEqual(
      lines.map(({ fault, offset }) => [fault, offset]),
      [
        ["too long", 0],
        ["unended", (300 << 20) + 1],
      ],
    );
    assert.ok(lines[0]!.bytes.length <= 64 << 20);
  });
});

describe("the records of a trail", () => {
  it("are all there, by file and in the order of time", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(3000, SEED);
    writeTrail(folder.path, records);
    const files = await findFiles(folder.path);
    const report = new ReadReport();
    const inOrder: Made[] = [];
    for await (const record of readInOrder(files, { report })) inOrder.push(record);
    assert.deepEqual(inOrder, records);
    assert.deepEqual(
      [report.files, report.lines, report.records, report.malformed, report.bytes],
      [
        16,
        3000,
        3000,
        0,
        records.reduce((sum, record) => sum + Buffer.byteLength(JSON.stringify(record)) + 1, 0),
      ],
    );
    const audit = await allOf(readRecords(await findFiles(folder.path, { logs: ["audit.log"] })));
    assert.deepEqual(
      audit,
      records.filter((record) => logOf(record) === "audit"),
    );
  });

  it("are read around what is none, which is counted and shown", async () => {
    using folder = temporaryFolder();
    const [one, two, three] = makeRecords(3, SEED).map((record) => JSON.stringify(record));
    const backup = join(folder.path, "audit-20260105T090000.000Z-00000000.log");
    writeFileSync(
      backup,
      [one, one!.slice(0, 80), "null", '"text"', "[1]", "", two, two!.slice(0, 9)].join("\n"),
    );
    writeFileSync(join(folder.path, "audit.log"), `${three}\n${three!.slice(0, 50)}`);
    const torn = join(folder.path, "audit-20260105T090001.000Z-00000000.log.gz");
    writeFileSync(torn, gzipSync(`${one}\n`.repeat(200)).subarray(0, -12));
    const report = new ReadReport();
    const found = await allOf(readRecords(await findFiles(folder.path), { report }));
    assert.deepEqual(
      found.map((record) => JSON.stringify(record)).filter((line) => line !== one),
      [two, three],
    );
    assert.deepEqual(
      report.badLines.map(({ line, why }) => [line, why]),
      [
        [2, "no record"],
        [3, "no record"],
        [4, "no record"],
        [5, "no record"],
        [8, "the file ends before the line"],
      ],
    );
    assert.equal(report.badLines[0]!.offset, Buffer.byteLength(one!) + 1);
    assert.deepEqual(
      report.unreadable.map(({ path }) => path),
      [torn],
    );
  });

  it("stop when asked to", async () => {
    using folder = temporaryFolder();
    writeTrail(folder.path, makeRecords(100, SEED));
    const stop = AbortSignal.abort();
    await assert.rejects(
      allOf(readRecords(await findFiles(folder.path), { signal: stop, report: new ReadReport() })),
      {
        name: "AbortError",
      },
    );
  });
});
