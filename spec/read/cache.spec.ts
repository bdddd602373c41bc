/**
 * What was converted is not read again: proved with files whose content was changed under the same name, size,
 * time and inode, so that whoever reads them again gives another answer.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import { findFiles } from "#dist/read/files";
import { ReadReport } from "#dist/read/report";
import { TrailStore, type StoreOptions } from "#dist/read/sql/store";
import { cli, startCli } from "./cli.js";
import { logOf, makeRecords, temporaryFolder, writeTrail, type Made } from "./trail.js";

const SEED = 74;

async function ask(where: string, options: StoreOptions = {}) {
  const store = await TrailStore.open(await findFiles(where), options);
  try {
    const found: Made[] = [];
    for await (const batch of store.records()) found.push(...batch);
    return { found, counts: { ...store.counts } };
  } finally {
    await store.close();
  }
}

/** Other content in the same file, at the same time. */
function spoil(path: string): void {
  const { size } = statSync(path);
  const clock = `${path}.clock`;
  execFileSync("touch", ["-r", path, clock]);
  const file = openSync(path, "r+");
  writeSync(file, Buffer.alloc(size, "x"), 0, size, 0);
  closeSync(file);
  execFileSync("touch", ["-r", clock, path]);
  rmSync(clock);
}

const converted = (folder: string) => readdirSync(join(folder, ".cache")).toSorted();

describe("the cache", () => {
  it("makes a second question read no backup again, plain or compressed", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(800, SEED);
    writeTrail(folder.path, records);
    const first = await ask(folder.path);
    assert.deepEqual(first.found, records);
    assert.deepEqual([first.counts.converted, first.counts.reused], [12, 0]);
    const backups = (await findFiles(folder.path)).filter(({ live }) => !live);
    for (const { path } of backups) spoil(path);
    const second = await ask(folder.path);
    assert.deepEqual(second.found, records);
    assert.deepEqual(second.counts, { converted: 0, convertedBytes: 0, reused: 12 });
    const { stdout } = await cli(["query", "-d", folder.path, "--json"]);
    assert.equal(stdout, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    // And the proof is one: without the cache there is nothing of them to be found.
    const without = await ask(folder.path, { cache: false });
    assert.ok(without.found.length < records.length / 3);
  });

  it("is for its owner alone, and keeps nothing longer than the trail", async () => {
    using folder = temporaryFolder();
    writeTrail(folder.path, makeRecords(400, SEED));
    await ask(folder.path);
    const cache = join(folder.path, ".cache");
    assert.equal(statSync(cache).mode & 0o777, 0o700);
    const names = converted(folder.path);
    assert.equal(names.length, 12);
    for (const name of names) assert.equal(statSync(join(cache, name)).mode & 0o777, 0o600);
    const [gone] = (await findFiles(folder.path)).filter(({ live }) => !live);
    rmSync(gone!.path);
    writeFileSync(join(cache, "left.parquet.1-00.part"), "");
    utimesSync(join(cache, "left.parquet.1-00.part"), 0, 0);
    mkdirSync(join(cache, "work-999999999-abcdef"));
    utimesSync(join(cache, "work-999999999-abcdef"), 0, 0);
    await ask(folder.path);
    assert.deepEqual(
      converted(folder.path),
      names.filter((name) => !name.startsWith(gone!.path.split("/").at(-1)!)),
    );
  });

  it("converts anew what changed", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(400, SEED);
    writeTrail(folder.path, records);
    await ask(folder.path);
    const [backup] = (await findFiles(folder.path)).filter(({ live, gzip }) => !live && !gzip);
    const more = { ...records[0]!, record_id: "more" };
    appendFileSync(backup!.path, `${JSON.stringify(more)}\n`);
    const { found, counts } = await ask(folder.path);
    assert.equal(counts.converted, 1);
    assert.deepEqual(
      found.filter(({ record_id }) => record_id === "more"),
      [more],
    );
    assert.equal(found.length, 401);
  });

  it("converts a file that is written piece by piece, each once", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit.log");
    const records = makeRecords(3000, SEED).map(
      (record) => ({ ...record, extra: { text: "y".repeat(9000) } }) as Made,
    );
    const lines = records.map((record) => `${JSON.stringify(record)}\n`);
    const bytes = (from: number, to: number) => Buffer.byteLength(lines.slice(from, to).join(""));
    const half = (index: number) => lines[index]!.slice(0, 4000);
    writeFileSync(path, lines.slice(0, 1200).join("") + half(1200));
    const first = await ask(folder.path);
    assert.deepEqual(first.found, records.slice(0, 1200));
    assert.deepEqual(first.counts, { converted: 1, convertedBytes: bytes(0, 1200), reused: 0 });

    appendFileSync(path, lines[1200]!.slice(4000) + lines.slice(1201, 1400).join(""));
    const second = await ask(folder.path);
    assert.deepEqual(second.found, records.slice(0, 1400));
    assert.deepEqual(second.counts, { converted: 0, convertedBytes: 0, reused: 1 });

    appendFileSync(path, lines.slice(1400, 2900).join(""));
    const third = await ask(folder.path);
    assert.deepEqual(third.found, records.slice(0, 2900));
    assert.deepEqual(third.counts, { converted: 1, convertedBytes: bytes(1200, 2900), reused: 1 });

    // The next file under the same name has other segments, also where it got the same inode.
    renameSync(path, join(folder.path, "audit-20260105T104246.642Z-00000000.log"));
    writeFileSync(path, lines.slice(2900).join(""));
    const fourth = await ask(folder.path);
    assert.deepEqual(fourth.found, records);
    assert.deepEqual([fourth.counts.converted, converted(folder.path).length], [1, 1]);
  });

  it("is refreshed while a store is open, for questions to come", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(600, SEED);
    writeTrail(folder.path, records.slice(0, 500));
    const store = await TrailStore.open(await findFiles(folder.path));
    try {
      const count = async () => (await store.ask("SELECT count(*) AS n FROM records"))[0]!["n"];
      assert.equal(await count(), 500);
      const lines = records.slice(500).map((record) => `${JSON.stringify(record)}\n`);
      appendFileSync(join(folder.path, "audit.log"), lines.join(""));
      assert.equal(await count(), 500);
      await store.refresh(await findFiles(folder.path));
      assert.equal(await count(), 600);
    } finally {
      await store.close();
    }
  });

  it("tells each time of a compressed file that is damaged, and keeps what could be read", async () => {
    using folder = temporaryFolder();
    writeTrail(folder.path, makeRecords(800, SEED));
    const [damaged] = (await findFiles(folder.path)).filter(({ gzip, log }) => gzip && log === "audit.log");
    const lines = gunzipSync(readFileSync(damaged!.path));
    writeFileSync(damaged!.path, gzipSync(Buffer.concat([lines, lines, lines])).subarray(0, -200));
    for (const round of [1, 2]) {
      const report = new ReadReport();
      const { found } = await ask(folder.path, { report });
      assert.deepEqual(
        report.unreadable.map(({ path }) => path),
        [damaged!.path],
        `round ${round}`,
      );
      assert.ok(found.length >= 800, `${found.length} found`);
    }
  });

  it("can be elsewhere, for several trails, or nowhere", async () => {
    using folder = temporaryFolder();
    using other = temporaryFolder();
    using cache = temporaryFolder();
    const records = makeRecords(300, SEED);
    writeTrail(folder.path, records);
    writeTrail(other.path, records.slice(0, 200));
    for (const round of [0, 12]) {
      for (const [path, count] of [
        [folder.path, 300],
        [other.path, 200],
      ] as const) {
        const { found, counts } = await ask(path, { cache: cache.path });
        assert.deepEqual([found.length, counts.reused], [count, round]);
        assert.ok(!readdirSync(path).includes(".cache"));
      }
    }
    const files = () => readdirSync(folder.path).toSorted();
    const before = files();
    assert.deepEqual((await ask(folder.path, { cache: false })).found, records);
    assert.deepEqual(files(), before);
  });

  it("is done without where the directory may not be written", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(300, SEED);
    writeTrail(folder.path, records);
    // Root may write anywhere, so the command runs as nobody.
    chmodSync(folder.path, 0o555);
    const nobody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const { code, stdout, stderr } = await cli(["query", "-d", folder.path, "--json"], nobody);
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    assert.ok(!readdirSync(folder.path).includes(".cache"));
    chmodSync(folder.path, 0o755);
  });

  it("holds a record once whose line is not ended yet, also where the lines before it are converted", async () => {
    using folder = temporaryFolder();
    const path = join(folder.path, "audit.log");
    const records = makeRecords(1000, SEED).map(
      (record) => ({ ...record, extra: { text: "y".repeat(9000) } }) as Made,
    );
    const lines = records.map((record) => JSON.stringify(record));
    writeFileSync(path, lines.slice(0, 990).join("\n"));
    const first = await ask(folder.path);
    assert.equal(first.counts.converted, 1);
    assert.deepEqual(first.found, records.slice(0, 990));
    appendFileSync(path, `\n${lines.slice(990).join("\n")}\n`);
    assert.deepEqual((await ask(folder.path)).found, records);
  });

  it("is done without where it is another user's", { skip: process.getuid?.() !== 0 }, async () => {
    using folder = temporaryFolder();
    const records = makeRecords(300, SEED);
    writeTrail(folder.path, records);
    chmodSync(folder.path, 0o755);
    await ask(folder.path);
    const { code, stdout, stderr } = await cli(["query", "-d", folder.path, "--json"], {
      uid: 65_534,
      gid: 65_534,
    });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.equal(stdout, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  });

  for (const cache of [undefined, false] as const) {
    const named = cache === undefined ? "with a cache" : "without a cache";
    it(`lets a question be answered while files are deleted, compressed and rotated, ${named}`, async () => {
      using folder = temporaryFolder();
      const records = makeRecords(800, SEED);
      writeTrail(folder.path, records);
      const log = "audit.log";
      const files = await findFiles(folder.path, { logs: [log] });
      const wanted = records.filter((record) => logOf(record) === "audit");
      const [deleted, , compressed, live] = files;
      const texts = files.map(({ path, gzip }) => {
        const bytes = readFileSync(path);
        return (gzip ? gunzipSync(bytes) : bytes).toString();
      });
      rmSync(deleted!.path);
      writeFileSync(`${compressed!.path}.gz`, gzipSync(texts[2]!));
      rmSync(compressed!.path);
      writeFileSync(join(folder.path, "audit-20990105T090000.000Z-00000000.log.gz"), gzipSync(texts[3]!));
      writeFileSync(live!.path, `${JSON.stringify({ ...records[0], record_id: "later" })}\n`);
      const report = new ReadReport();
      const store = await TrailStore.open(files, { cache, report });
      const found: Made[] = [];
      for await (const batch of store.records()) found.push(...batch);
      await store.close();
      const lost = texts[0]!.split("\n").length - 1;
      assert.deepEqual(found, wanted.slice(lost));
      assert.deepEqual(report.unreadable, [{ path: deleted!.path, why: "ENOENT" }]);
    });
  }

  it("keeps what a question is asked of, also of a file that is deleted meanwhile", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(800, SEED);
    writeTrail(folder.path, records);
    const files = await findFiles(folder.path);
    const [deleted, compressed] = files.filter(({ live, gzip }) => !live && !gzip);
    const bytes = readFileSync(compressed!.path);
    const store = await TrailStore.open(files, {
      progress: (done, total) => {
        if (done < total) return;
        rmSync(deleted!.path, { force: true });
        writeFileSync(`${compressed!.path}.gz`, gzipSync(bytes));
        rmSync(compressed!.path, { force: true });
        // As another process does that asks now.
        rmSync(join(folder.path, ".cache", names(basename(compressed!.path))[0]!), { force: true });
      },
    });
    try {
      const count = async () => (await store.ask("SELECT count(*) AS n FROM records"))[0]!["n"];
      assert.equal(await count(), 800);
    } finally {
      await store.close();
    }
    assert.ok(names(basename(deleted!.path)).length > 0);
    const { found } = await ask(folder.path);
    assert.ok(found.length < 800);
    assert.deepEqual(names(basename(deleted!.path)), []);

    function names(of: string): string[] {
      return converted(folder.path).filter((name) => name.startsWith(`${of}.`));
    }
  });

  it(
    "reads a compressed file that could not be opened once it can be",
    { skip: process.getuid?.() !== 0 },
    async () => {
      using folder = temporaryFolder();
      const records = makeRecords(300, SEED);
      writeTrail(folder.path, records);
      chmodSync(folder.path, 0o777);
      const [closed] = (await findFiles(folder.path)).filter(({ gzip }) => gzip);
      chmodSync(closed!.path, 0);
      const args = ["query", "-d", folder.path, "--json"];
      const nobody = { uid: 65_534, gid: 65_534 };
      const before = await cli(args, nobody);
      assert.equal(before.stderr, `could not be read to its end: ${closed!.path} (EACCES)\n`);
      chmodSync(closed!.path, 0o644);
      const { stdout, stderr } = await cli(args, nobody);
      assert.deepEqual(
        [stderr, stdout],
        ["", records.map((record) => `${JSON.stringify(record)}\n`).join("")],
      );
    },
  );

  it("unpacks nothing twice without it, and holds no more copies of what is written than are asked", async () => {
    using folder = temporaryFolder();
    using temporary = temporaryFolder();
    const { TMPDIR } = process.env;
    process.env["TMPDIR"] = temporary.path;
    const records = makeRecords(600, SEED);
    writeTrail(folder.path, records.slice(0, 500));
    const copies = () => {
      const [own] = readdirSync(temporary.path);
      return readdirSync(join(temporary.path, own!)).filter((name) => name.endsWith(".jsonl")).length;
    };
    const store = await TrailStore.open(await findFiles(folder.path), { cache: false });
    try {
      const count = async () => (await store.ask("SELECT count(*) AS n FROM records"))[0]!["n"];
      assert.equal(await count(), 500);
      const before = copies();
      const backups = (await findFiles(folder.path)).filter(({ gzip }) => gzip);
      for (const { path } of backups) spoil(path);
      for (let at = 500; at < 600; at += 20) {
        const lines = records.slice(at, at + 20).map((record) => `${JSON.stringify(record)}\n`);
        appendFileSync(join(folder.path, "audit.log"), lines.join(""));
        await store.refresh(await findFiles(folder.path));
        assert.equal(await count(), at + 20);
        assert.equal(copies(), before);
      }
    } finally {
      await store.close();
      if (TMPDIR === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = TMPDIR;
    }
  });

  it("leaves no piece of the trail behind where a question is broken off", async () => {
    using folder = temporaryFolder();
    using temporary = temporaryFolder();
    writeTrail(folder.path, makeRecords(20_000, SEED), 1);
    for (const end of ["EPIPE", "SIGTERM"] as const) {
      const child = startCli(["query", "-d", folder.path, "--json", "--no-cache"], {
        env: { TMPDIR: temporary.path },
      });
      await once(child.stdout!, "data");
      child.stdout!.pause();
      assert.equal(readdirSync(temporary.path).length, 1);
      if (end === "EPIPE") child.stdout!.destroy();
      else child.kill(end);
      assert.deepEqual(await once(child, "close"), end === "EPIPE" ? [0, null] : [null, end]);
      assert.deepEqual(readdirSync(temporary.path), []);
    }
  });

  it("serves two processes at the same time", async () => {
    using folder = temporaryFolder();
    const records = makeRecords(900, SEED);
    writeTrail(folder.path, records);
    const answers = await Promise.all([1, 2, 3].map(() => cli(["query", "-d", folder.path, "--json"])));
    for (const { code, stdout, stderr } of answers) {
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(stdout, records.map((record) => `${JSON.stringify(record)}\n`).join(""));
    }
    assert.equal(converted(folder.path).length, 12);
  });
});
