/**
 * Directories over SFTP: one event for the directory, and one for each file, which names the directory's as its cause.
 */
import assert from "node:assert/strict";
import { mkdirSync, writeFileSync, existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import type { SftpCallEvent } from "#dist/capture/event";
import { recordedClient, rejection } from "./recorded.js";
import { onEachServer, sha256OfFile } from "./servers.js";

/** More files in one folder than the library moves at once, and folders within folders. */
const names = [
  ...Array.from({ length: 13 }, (_, index) => `${index}.txt`),
  "inner/one.txt",
  "inner/deep/two.txt",
  "inner/deep/empty",
];

function plant(folder: string): void {
  mkdirSync(join(folder, "inner/deep"), { recursive: true });
  for (const name of names) {
    writeFileSync(join(folder, name), name.endsWith("empty") ? "" : `content of ${name}`.repeat(500));
  }
}

/** All files below a folder, as `path size hash`. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => ({ name: String(name), path: join(folder, String(name)) }))
    .filter(({ path }) => statSync(path).isFile())
    .map(({ name, path }) => `${name} ${statSync(path).size} ${sha256OfFile(path)}`)
    .toSorted();
}

onEachServer("directories over SFTP", (bench) => {
  const recorded = recordedClient(bench);
  /** The directory's event, and those of its files. */
  const told = (operation: string): [SftpCallEvent, SftpCallEvent[]] => {
    const events = recorded.told();
    const directories = events.filter((event) => event.operation === operation);
    assert.equal(directories.length, 1);
    return [directories[0]!, events.filter((event) => event.operation !== operation)];
  };

  for (const fast of [false, true]) {
    it(`tells of an upload${fast ? " by fastPut" : ""}`, async () => {
      const folder = `tree-up-${fast}`;
      const source = join(bench.folder, folder);
      plant(source);
      const target = bench.path(`/inbox/${folder}`);
      await recorded.client.uploadDir(source, target, { useFastput: fast });
      const stored = filesOf(join(bench.server.files, "inbox", folder));
      assert.deepEqual(stored, filesOf(source));
      const [directory, files] = told("uploadDir");
      const outline = files.map(
        ({ remotePath, bytes, sha256 }) => `${remotePath!.slice(target.length + 1)} ${bytes} ${sha256}`,
      );
      assert.deepEqual(outline.toSorted(), stored);
      for (const { operation, parentId, outcome } of files) {
        assert.deepEqual(
          [operation, parentId, outcome],
          [fast ? "fastPut" : "put", directory.recordId, "success"],
        );
      }
      const total = files.reduce((sum, { bytes }) => sum + bytes!, 0);
      assert.deepEqual(
        [
          directory.outcome,
          directory.bytes,
          directory.sha256,
          directory.filename,
          directory.details["files"],
        ],
        ["success", total, null, folder, names.length],
      );
      assert.equal(directory.message, `${folder} uploaded to ${target}`);
    });

    it(`tells of a download${fast ? " by fastGet" : ""}`, async () => {
      const folder = `tree-down-${fast}`;
      plant(join(bench.server.files, "results", folder));
      const target = join(bench.folder, folder);
      const source = bench.path(`/results/${folder}`);
      await recorded.client.downloadDir(source, target, { useFastget: fast } as never);
      const received = filesOf(target);
      assert.deepEqual(received, filesOf(join(bench.server.files, "results", folder)));
      const [directory, files] = told("downloadDir");
      const outline = files.map(
        ({ remotePath, bytes, sha256 }) => `${remotePath!.slice(source.length + 1)} ${bytes} ${sha256}`,
      );
      assert.deepEqual(outline.toSorted(), received);
      for (const { operation, parentId } of files) {
        assert.deepEqual([operation, parentId], [fast ? "fastGet" : "get", directory.recordId]);
      }
      assert.deepEqual([directory.outcome, directory.details["files"]], ["success", names.length]);
    });
  }

  it("tells of each file that a recursive removal deletes", async () => {
    const folder = join(bench.server.files, "inbox/removed");
    plant(folder);
    const path = bench.path("/inbox/removed");
    await recorded.client.rmdir(path, true);
    assert.ok(!existsSync(folder));
    const [directory, files] = told("rmdir");
    assert.deepEqual(
      files.map(({ operation, remotePath }) => `${operation} ${remotePath}`).toSorted(),
      names.map((name) => `delete ${path}/${name}`).toSorted(),
    );
    for (const { parentId } of files) assert.equal(parentId, directory.recordId);
    assert.deepEqual(
      [directory.outcome, directory.bytes, directory.details["files"]],
      ["success", null, names.length],
    );
  });

  it("tells of the files that went over before one failed", async () => {
    const source = join(bench.folder, "half");
    mkdirSync(source);
    for (const name of ["a", "b", "c"]) writeFileSync(join(source, name), name);
    // A folder where the file should go.
    mkdirSync(join(bench.server.files, "inbox/half/b"), { recursive: true });
    const error = await rejection(recorded.client.uploadDir(source, bench.path("/inbox/half")));
    const [directory] = told("uploadDir");
    assert.deepEqual([directory.outcome, directory.error], ["failure", error]);
    const failed = recorded
      .told()
      .filter(({ operation, outcome }) => operation === "put" && outcome === "failure");
    assert.deepEqual(
      failed.map(({ remotePath }) => remotePath),
      [bench.path("/inbox/half/b")],
    );
  });
});
