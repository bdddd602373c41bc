import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs, {
  chmodSync,
  existsSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { gunzipSync } from "node:zlib";
import { forgetFaults, onFirstFault } from "#dist/health";
import { sealSettings } from "#dist/log/seal";
import { Backups } from "#dist/writer/backups";
import type { WriterSettings } from "#dist/writer/protocol";
import { Crew } from "#dist/writer/crew";
import type { GapReport } from "#dist/writer/gap";
import { Writer } from "#dist/writer/writer";
import { flush } from "#dist/writer/writers";
import { inFolder, linesOf, settings, writing } from "./support.js";
import { until } from "../support/until.js";

/** Runs `work` with a writer on `a.log` of a fresh folder. */
function withWriter(
  options: Partial<WriterSettings>,
  work: (writer: Writer, folder: string) => Promise<void> | void,
  prepare: (folder: string) => void = () => {},
): Promise<void> {
  return inFolder((folder) => {
    prepare(folder);
    return writing(folder, options, (writer) => work(writer, folder));
  });
}

function gapLine({ count, why }: GapReport): string {
  return `gap ${count}: ${why}`;
}

/** A device that is full, in the place of the file. */
function fillDisk(folder: string): void {
  rmSync(join(folder, "a.log"), { force: true });
  symlinkSync("/dev/full", join(folder, "a.log"));
}

describe("a file of lines", () => {
  it("is only for its owner to read", () =>
    withWriter({}, async (writer, folder) => {
      writer.write("x", "os");
      assert.equal(statSync(join(folder, "a.log")).mode & 0o777, 0o600);
    }));

  it("keeps the order of lines of every durability", () =>
    withWriter({}, async (writer, folder) => {
      const order = ["memory", "memory", "os", "memory", "fsync", "memory"] as const;
      for (const [index, durability] of order.entries()) writer.write(String(index), durability);
      assert.deepEqual(await flush({ fsync: true }).then(() => linesOf(folder, "a")), [
        "0",
        "1",
        "2",
        "3",
        "4",
        "5",
      ]);
    }));

  it("takes a line that is larger than the ring, whole and in its place", () =>
    withWriter({}, async (writer, folder) => {
      const large = "é".repeat(100_000);
      for (const line of ["before", large, "after"]) writer.write(line, "memory");
      await flush();
      assert.deepEqual(linesOf(folder, "a"), ["before", large, "after"]);
    }));

  it("does not take a line for a frame, whatever a layout makes of it", () =>
    withWriter({}, async (writer, folder) => {
      for (const line of ["\u0001", "\u0001\u0009\0\0\0\0\0 a frame?", "after"]) writer.write(line, "memory");
      await flush();
      assert.deepEqual(linesOf(folder, "a"), [" \u0001", " \u0001\u0009\0\0\0\0\0 a frame?", "after"]);
    }));

  it("takes a line that has no place in one piece, wherever the ring begins", () =>
    withWriter({}, async (writer, folder) => {
      const lines = ["x".repeat(32_000), "y".repeat(40_000), "z".repeat(36_000)];
      for (const line of lines) {
        writer.write(line, "memory");
        await flush();
      }
      assert.deepEqual(linesOf(folder, "a"), lines);
    }));

  it("drops a line that is larger than the ring only while the file cannot be written", () =>
    withWriter({}, async (writer, folder) => {
      fillDisk(folder);
      for (const durability of ["memory", "os", "memory"] as const) {
        assert.ok(!writer.write("x".repeat(100_000), durability));
      }
      assert.equal(writer.health().dropped, 3);
      unlinkSync(join(folder, "a.log"));
      await until(() => writer.health().state === "ok");
      await flush();
      // The first is told of as the next try at the file, those after it together.
      const why = "the file cannot be written";
      assert.deepEqual(linesOf(folder, "a"), [`gap 1: ${why}`, `gap 2: ${why}`]);
    }));

  it("closes off the half line of a killed writer", () =>
    withWriter(
      {},
      async (writer, folder) => {
        writer.write("whole", "os");
        assert.equal(readFileSync(join(folder, "a.log"), "utf8"), '{"half":\nwhole\n');
      },
      (folder) => writeFileSync(join(folder, "a.log"), '{"half":'),
    ));

  it("becomes a backup before it grows beyond its limit", () =>
    withWriter({ maxBytes: 10 }, async (writer, folder) => {
      for (const line of ["1234", "5678", "9", "longer than ten", "x"]) writer.write(line, "os");
      const backups = readdirSync(folder)
        .filter((name) => name !== "a.log")
        .toSorted();
      assert.deepEqual(
        [...backups, "a.log"].map((name) => readFileSync(join(folder, name), "utf8")),
        ["1234\n5678\n", "9\n", "longer than ten\n", "x\n"],
      );
    }));

  it("becomes a backup with the first line of a new day", () =>
    withWriter({ daily: true }, async (writer, folder) => {
      writer.write("yesterday", "os");
      utimesSync(join(folder, "a.log"), new Date(), new Date(Date.now() - 86_400_000));
      writer.write("today", "os");
      writer.write("too", "os");
      assert.equal(readFileSync(join(folder, "a.log"), "utf8"), "today\ntoo\n");
      assert.deepEqual(linesOf(folder, "a"), ["yesterday", "today", "too"]);
    }));

  it("is rotated although a dead process has left its lock", () =>
    withWriter({ maxBytes: 5 }, async (writer, folder) => {
      const dead = 4_190_000;
      writeFileSync(join(folder, "a.log.lock"), `${(await import("node:os")).hostname()} ${dead} abc`);
      writer.write("1234", "os");
      writer.write("5678", "os");
      assert.equal(readFileSync(join(folder, "a.log"), "utf8"), "5678\n");
      assert.ok(!existsSync(join(folder, "a.log.lock")));
    }));

  for (const durability of ["memory", "os"] as const) {
    it(`goes on in a new file after logrotate has moved it, or somebody deleted it (${durability})`, () =>
      withWriter({}, async (writer, folder) => {
        const put = async (line: string): Promise<void> => {
          writer.write(line, durability);
          await flush();
        };
        await put("1");
        renameSync(join(folder, "a.log"), join(folder, "moved"));
        await put("2");
        assert.equal(readFileSync(join(folder, "moved"), "utf8"), "1\n");
        unlinkSync(join(folder, "a.log"));
        await put("3");
        assert.deepEqual(linesOf(folder, "a"), ["3"]);
        rmSync(folder, { recursive: true });
        await put("4");
        assert.deepEqual(linesOf(folder, "a"), ["4"]);
      }));

    it(`keeps what comes while the disk is full, says so, and goes on by itself (${durability})`, () =>
      withWriter({}, async (writer, folder) => {
        writer.write("1", "os");
        fillDisk(folder);
        for (const line of ["2", "3"]) writer.write(line, durability);
        await until(() => writer.health().last_error !== null);
        assert.equal(writer.health().state, "failing");
        assert.match(writer.health().last_error!, /ENOSPC/u);
        unlinkSync(join(folder, "a.log"));
        await flush();
        assert.deepEqual(linesOf(folder, "a"), ["2", "3"]);
        assert.deepEqual([writer.health().state, writer.health().dropped], ["ok", 0]);
      }));
  }
});

describe("a file whose closing fails", () => {
  it("is closed, and its descriptor, which is somebody else's then, is not written to", () =>
    withWriter({}, async (writer, folder) => {
      const { closeSync } = fs;
      const path = join(folder, "a.log");
      fs.closeSync = (fd) => {
        const isOurs = readlinkSync(`/proc/self/fd/${fd}`) === "/dev/full";
        closeSync(fd);
        if (isOurs) throw Object.assign(new Error("EDQUOT: quota exceeded"), { code: "EDQUOT" });
      };
      try {
        writer.write("1", "os");
        fillDisk(folder);
        writer.write("2", "os");
        assert.equal(writer.health().state, "failing");
      } finally {
        fs.closeSync = closeSync;
      }
      const other = join(folder, "other");
      const fds = Array.from({ length: 8 }, () => fs.openSync(other, "a"));
      unlinkSync(path);
      await flush();
      for (const fd of fds) closeSync(fd);
      assert.deepEqual([linesOf(folder, "a"), readFileSync(other, "utf8")], [["2"], ""]);
    }));
});

describe("a fault", () => {
  it("that is told of in the very file that it happened to harms none of its lines", () =>
    withWriter({ maxBytes: 5 }, (writer, folder) => {
      const { renameSync: rename } = fs;
      const refused = Object.assign(new Error("EACCES: permission denied"), { code: "EACCES" });
      forgetFaults();
      onFirstFault((kind) => void writer.write(kind, "os"));
      fs.renameSync = () => {
        throw refused;
      };
      try {
        writer.write("1234", "os");
        for (const line of ["5", "6", "7"]) writer.write(line, "memory");
        assert.equal(writer.finish(2000, true), 0);
      } finally {
        fs.renameSync = rename;
        onFirstFault(() => {});
        forgetFaults();
      }
      assert.deepEqual(linesOf(folder, "a"), ["1234", "5", "6", "7", "writer.rotation"]);
    }));
});

describe("a full ring", () => {
  const line = "x".repeat(999);

  for (const [onFull, why] of [
    ["drop", "the ring was full"],
    ["block", "the ring was full for 50 ms"],
  ] as const) {
    it(`loses what does not fit, and tells how much in a line of its own (${onFull})`, () =>
      withWriter({ onFull }, async (writer, folder) => {
        fillDisk(folder);
        let accepted = 0;
        for (let index = 0; index < 100; index += 1) if (writer.write(line, "memory")) accepted += 1;
        assert.equal(accepted, 65);
        assert.deepEqual([writer.health().state, writer.health().dropped], ["full", 35]);
        unlinkSync(join(folder, "a.log"));
        await until(() => writer.health().state === "ok");
        await flush();
        const lines = linesOf(folder, "a");
        assert.deepEqual(
          lines.slice(0, 65),
          Array.from({ length: 65 }, () => line),
        );
        assert.deepEqual(lines.slice(65), [`gap 35: ${why}`]);
      }));
  }

  it("is told of once where there is no thread, also when the first try at the file is in vain", () =>
    inFolder(async (folder) => {
      const options = settings(folder, { threadFile: "/none" });
      const writer = new Writer(options, new Crew(), gapLine, (text) => text, { rotated: () => {} });
      writer.write("before", "memory");
      fillDisk(folder);
      assert.ok(!writer.write("x".repeat(100_000), "memory"));
      await until(() => writer.queuedLines === 1);
      unlinkSync(join(folder, "a.log"));
      await until(() => writer.health().state === "ok");
      writer.close();
      assert.deepEqual(linesOf(folder, "a"), ["gap 1: the file cannot be written"]);
    }));

  it("has what was dropped among what is lost, where the process ends before it could be told of", () =>
    inFolder((folder) => {
      const options = settings(folder, { threadFile: "/none" });
      const writer = new Writer(options, new Crew(), gapLine, (text) => text, { rotated: () => {} });
      fillDisk(folder);
      for (let index = 0; index < 100; index += 1) writer.write(line, "memory");
      assert.equal(writer.finish(0, true), 100);
      writer.close();
    }));

  it("throws where the application asked for it, and tells of that too", () =>
    withWriter({ onFull: "error" }, async (writer, folder) => {
      fillDisk(folder);
      for (let index = 0; index < 65; index += 1) writer.write(line, "memory");
      assert.throws(() => writer.write(line, "memory"), { code: "AUDIT_WRITER_FULL" });
      assert.throws(() => writer.write(line, "os"), { code: "AUDIT_WRITER_FULL" });
      unlinkSync(join(folder, "a.log"));
      await until(() => writer.health().state === "ok");
      await flush();
      assert.deepEqual(linesOf(folder, "a").slice(65), ["gap 2: the ring was full"]);
    }));

  it("throws for a line that is larger than the ring too, while the file cannot be written", () =>
    withWriter({ onFull: "error" }, async (writer, folder) => {
      fillDisk(folder);
      assert.throws(() => writer.write("x".repeat(100_000), "memory"), { code: "AUDIT_WRITER_FULL" });
      unlinkSync(join(folder, "a.log"));
      await until(() => writer.health().state === "ok");
      await flush();
      assert.deepEqual(linesOf(folder, "a"), ["gap 1: the file cannot be written"]);
    }));

  it("makes the caller wait for the thread, and loses nothing", () =>
    withWriter({ onFull: "block", maxBlockMs: 60_000 }, async (writer, folder) => {
      const lines = Array.from({ length: 5000 }, (_, index) => `${index} ${"y".repeat(100)}`);
      for (const each of lines) writer.write(each, "memory");
      await flush();
      assert.deepEqual(linesOf(folder, "a"), lines);
    }));
});

/** Runs `work`, and tells `note` of each descriptor that is brought to the disk meanwhile without stopping the thread. */
async function notingSyncs(note: (fd: number) => void, work: () => Promise<void>): Promise<void> {
  const file = await open(__filename);
  const handle = Object.getPrototypeOf(file) as { sync(): Promise<void>; fd: number };
  await file.close();
  const { sync } = handle;
  const { fsync } = fs;
  handle.sync = function (this: typeof handle) {
    note(this.fd);
    return sync.call(this);
  };
  fs.fsync = Object.assign((fd: number, done: (error: Error | null) => void) => {
    note(fd);
    fsync(fd, done);
  }, fsync);
  try {
    await work();
  } finally {
    handle.sync = sync;
    fs.fsync = fsync;
  }
}

/** Tells which files and folders are brought to the disk while `work` runs; they are. */
function seeingSyncs(work: (synced: string[]) => void): void {
  const { fsyncSync } = fs;
  const synced: string[] = [];
  fs.fsyncSync = (fd) => {
    synced.push(readlinkSync(`/proc/self/fd/${fd}`));
    fsyncSync(fd);
  };
  try {
    work(synced);
  } finally {
    fs.fsyncSync = fsyncSync;
  }
}

describe("durability", () => {
  it("fsync has the line on the disk before the call returns, and others do not wait for the disk", () =>
    withWriter({}, (writer, folder) => {
      seeingSyncs((synced) => {
        writer.write("1", "os");
        writer.write("2", "memory");
        assert.deepEqual(synced, []);
        writer.write("3", "fsync");
        assert.deepEqual(synced, [join(folder, "a.log"), folder], "the file, and its name");
        writer.write("4", "fsync");
        assert.deepEqual(synced.slice(2), [join(folder, "a.log")]);
        assert.deepEqual(linesOf(folder, "a"), ["1", "2", "3", "4"]);
      });
    }));

  it("fsync has the name of each new file on the disk too", () =>
    withWriter({ maxBytes: 5 }, (writer, folder) => {
      seeingSyncs((synced) => {
        for (const line of ["1234", "5678"]) writer.write(line, "fsync");
        const each = [join(folder, "a.log"), folder];
        assert.deepEqual(synced, [...each, ...each]);
      });
    }));

  it("of a flush has the backups on the disk too, whichever thread made them", () =>
    withWriter({ maxBytes: 2000, onFull: "block", maxBlockMs: 60_000 }, async (writer, folder) => {
      const synced = new Set<number>();
      const note = (fd: number): void => void synced.add(fstatSync(fd).ino);
      await notingSyncs(note, async () => {
        for (const durability of ["memory", "os", "memory"] as const) {
          for (let n = 0; n < 40; n += 1) writer.write("x".repeat(99), durability);
          await flush({ fsync: true });
        }
      });
      const files = readdirSync(folder).map((name) => statSync(join(folder, name)).ino);
      assert.equal(files.length, 6);
      for (const inode of [...files, statSync(folder).ino]) assert.ok(synced.has(inode));
    }));
});

for (const durability of ["memory", "os"] as const) {
  describe(`a flush to the disk (${durability})`, () => {
    it("brings a file there of which another process has made a backup since", () =>
      withWriter({}, async (writer, folder) => {
        const backup = join(folder, "a-20260101T000000.000Z-00000001.log");
        writer.write("1", durability);
        await flush();
        renameSync(join(folder, "a.log"), backup);
        const synced: string[] = [];
        const note = (fd: number): void => void synced.push(readlinkSync(`/proc/self/fd/${fd}`));
        await notingSyncs(note, async () => void (await flush({ fsync: true })));
        assert.deepEqual(synced.toSorted(), [folder, backup]);
      }));
  });
}

describe("flush", () => {
  it("tells what is late when the file cannot be written", () =>
    withWriter({}, async (writer, folder) => {
      fillDisk(folder);
      writer.write("1", "memory");
      await assert.rejects(flush({ timeoutMs: 20 }), { code: "AUDIT_FLUSH_TIMEOUT", message: /1 records/u });
      unlinkSync(join(folder, "a.log"));
      await flush();
      assert.deepEqual(linesOf(folder, "a"), ["1"]);
    }));

  it("does not wait for ever for a disk that does not answer", () =>
    withWriter({}, async (writer, folder) => {
      const path = join(folder, "a.log");
      writer.write("1", "os");
      unlinkSync(path);
      // Opening it to sync it waits for somebody who writes.
      execFileSync("mkfifo", [path]);
      await assert.rejects(flush({ timeoutMs: 20, fsync: true }), {
        code: "AUDIT_FLUSH_TIMEOUT",
        message: /the disk did not have all that is in .*a\.log/u,
      });
      await writeFile(path, "");
      unlinkSync(path);
    }));
});

describe("backups", () => {
  const names = [
    "20260101T000000.000Z-00000001",
    "20260102T000000.000Z-00000002",
    "20260103T000000.000Z-00000003",
  ];

  function makeBackups(folder: string): string[] {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "a-other.log"), "not ours");
    return names.map((name, day) => {
      const path = join(folder, `a-${name}.log`);
      writeFileSync(path, `${day}\n`);
      const when = new Date(Date.now() - (3 - day) * 86_400_000 - 1000);
      utimesSync(path, when, when);
      return path;
    });
  }

  it("are compressed, whole and readable for their owner only", () =>
    inFolder(async (folder) => {
      const [first] = makeBackups(folder);
      await new Backups(settings(folder, { gzip: true }), 0).tidy();
      assert.ok(!existsSync(first!));
      assert.equal(gunzipSync(readFileSync(`${first}.gz`)).toString(), "0\n");
      assert.equal(statSync(`${first}.gz`).mode & 0o777, 0o600);
      assert.equal(readFileSync(join(folder, "a-other.log"), "utf8"), "not ours");
    }));

  it("are on the disk when they are compressed, name and all, before the original is deleted", () =>
    inFolder(async (folder) => {
      const backup = join(folder, `a-${names[0]}.log`);
      writeFileSync(backup, "0\n");
      const synced: string[] = [];
      const note = (fd: number): void => {
        assert.ok(existsSync(backup));
        const path = readlinkSync(`/proc/self/fd/${fd}`);
        synced.push(path === folder ? "the name" : `${statSync(path).size > 0 ? "" : "not "}the bytes`);
      };
      await notingSyncs(note, () => new Backups(settings(folder, { gzip: true }), 0).tidy());
      assert.deepEqual(synced, ["the bytes", "the name"]);
      assert.deepEqual(readdirSync(folder), [`a-${names[0]}.log.gz`]);
    }));

  it("are compressed some seconds after they were made, while the file is written", () =>
    withWriter({ gzip: true, maxBytes: 1000 }, async (writer, folder) => {
      const lines = Array.from({ length: 40 }, (_, index) => `${index} ${"x".repeat(95)}`);
      for (const line of lines) writer.write(line, "os");
      const all = (): string[] => readdirSync(folder).filter((name) => name.startsWith("a-"));
      await until(() => all().every((name) => name.endsWith(".gz")));
      assert.equal(all().length, 3);
      const compressed = all()
        .toSorted()
        .map((name) => gunzipSync(readFileSync(join(folder, name))).toString());
      assert.equal(
        [...compressed, readFileSync(join(folder, "a.log"), "utf8")].join(""),
        lines.map((line) => `${line}\n`).join(""),
      );
    }));

  it("are not compressed at once, however old their last line is: who has not seen the rotation may append", () =>
    inFolder(async (folder) => {
      const [path, backup] = [join(folder, "a.log"), `a-${names[0]}.log`];
      writeFileSync(path, "0\n");
      utimesSync(path, 0, 0);
      renameSync(path, join(folder, backup));
      const backups = new Backups(settings(folder, { gzip: true }), 60_000);
      await backups.tidy();
      backups.stop();
      assert.deepEqual(readdirSync(folder), [backup]);
    }));

  it("are looked after by one at a time, so that the trail tells of each once", () =>
    inFolder(async (folder) => {
      makeBackups(folder);
      const told: string[] = [];
      const options = settings(folder, { keep: { files: 1 }, seal: sealSettings(true)! });
      const both = [0, 1].map(() => new Backups(options, 60_000, ({ file }) => told.push(file) > 0));
      await Promise.all(both.map((each) => each.tidy()));
      for (const each of both) each.stop();
      assert.deepEqual(told, [`a-${names[1]}.log`, `a-${names[0]}.log`]);
      assert.deepEqual(readdirSync(folder).toSorted(), [`a-${names[2]}.log`, "a-other.log"].toSorted());
    }));

  it("that cannot be read stay, and keep nobody from the others", () =>
    inFolder(async (folder) => {
      makeBackups(folder);
      writeFileSync(join(folder, `a-${names[1]}.log.gz`), "no gzip");
      rmSync(join(folder, `a-${names[1]}.log`));
      const told: string[] = [];
      const options = settings(folder, { keep: { files: 1 }, seal: sealSettings(true)! });
      await new Backups(options, 0, ({ file }) => told.push(file) > 0).tidy();
      assert.deepEqual(told, [`a-${names[0]}.log`]);
      const left = [`a-${names[1]}.log.gz`, `a-${names[2]}.log`, "a-other.log"];
      assert.deepEqual(readdirSync(folder).toSorted(), left.toSorted());
    }));

  it("are nobody's when they are deleted, so that their place on the disk is free", () =>
    withWriter({ maxBytes: 2000, onFull: "block", maxBlockMs: 60_000 }, async (writer, folder) => {
      for (let n = 0; n < 40; n += 1) writer.write("x".repeat(99), "memory");
      await flush({ fsync: true });
      for (const name of readdirSync(folder)) if (name.startsWith("a-")) unlinkSync(join(folder, name));
      const held = readdirSync("/proc/self/fd").map((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`);
        } catch {
          return "";
        }
      });
      assert.deepEqual(
        held.filter((path) => path.startsWith(folder) && path.endsWith("(deleted)")),
        [],
      );
    }));

  it("are deleted when they have become too old, also while nothing is rotated", () =>
    inFolder(async (folder) => {
      const [, , newest] = makeBackups(folder);
      const backups = new Backups(settings(folder, { keep: { days: 2 } }), 0, undefined, 10);
      backups.tidySoon();
      try {
        await until(() => readdirSync(folder).length === 2);
        const then = new Date(Date.now() - 3 * 86_400_000);
        utimesSync(newest!, then, then);
        await until(() => !existsSync(newest!));
        assert.deepEqual(
          readdirSync(folder).filter((name) => !name.endsWith(".lock")),
          ["a-other.log"],
        );
      } finally {
        backups.stop();
      }
    }));

  it("stay when their file was closed meanwhile, which may be opened again to keep more", () =>
    inFolder(async (folder) => {
      makeBackups(folder);
      const before = readdirSync(folder);
      const backups = new Backups(settings(folder, { keep: { files: 1 } }), 0);
      const tidied = backups.tidy();
      backups.stop();
      await tidied;
      assert.deepEqual(readdirSync(folder), before);
    }));

  for (const [what, keep, left] of [
    ["all without a limit", {}, 3],
    ["the newest by number", { files: 1 }, 1],
    ["the newest by bytes", { bytes: 4 }, 2],
    ["the newest by age", { days: 2 }, 1],
  ] as const) {
    it(`stay: ${what}`, () =>
      inFolder(async (folder) => {
        makeBackups(folder);
        await new Backups(settings(folder, { keep }), 0).tidy();
        const stay = readdirSync(folder).filter((name) => name !== "a-other.log");
        assert.deepEqual(
          stay.toSorted(),
          names.slice(3 - left).map((name) => `a-${name}.log`),
        );
      }));
  }
});

/** A thread that is rotating may have given the name to another file since, or to none yet. */
function openedAt(path: string): number | undefined {
  try {
    return fs.openSync(path, "r");
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, "ENOENT");
    return undefined;
  }
}

describe("a follower", () => {
  it("that knows files by their inode sees each line once through twenty rotations", () =>
    withWriter({ maxBytes: 10_000, onFull: "block", maxBlockMs: 60_000 }, async (writer, folder) => {
      chmodSync(folder, 0o700);
      const seen = new Map<number, string>();
      const look = (): void => {
        for (const name of readdirSync(folder).filter((each) => each.endsWith(".log"))) {
          const fd = openedAt(join(folder, name));
          if (fd === undefined) continue;
          const { ino } = fstatSync(fd);
          const before = seen.get(ino) ?? "";
          seen.set(ino, before + readFileSync(fd).subarray(before.length).toString());
          fs.closeSync(fd);
        }
      };
      const lines = Array.from({ length: 2200 }, (_, index) => `${index} ${"z".repeat(95)}`);
      for (const [index, line] of lines.entries()) {
        writer.write(line, index % 3 === 0 ? "os" : "memory");
        if (index % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (index % 20 === 0) look();
      }
      await flush();
      look();
      assert.ok(readdirSync(folder).length > 20, "twenty rotations");
      const numbers = [...seen.values()]
        .flatMap((text) => text.split("\n").slice(0, -1))
        .toSorted((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
      assert.deepEqual(numbers, lines);
    }));
});
