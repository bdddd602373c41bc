/**
 * Each method of ssh2-sftp-client that asks or changes something on the server: one event, and what stands there.
 */
import assert from "node:assert/strict";
import { stat, writeFile } from "node:fs/promises";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import SftpLibrary from "ssh2-sftp-client";
import { operations, innerMethods } from "#dist/capture/sftp/operations";
import { runAs } from "#dist/context/run";
import { expected, facts, quietClient, recordedClient, rejection } from "./recorded.js";
import { onEachServer } from "./servers.js";

describe("the table of operations", () => {
  /** Public methods that ask nothing of the server: listeners, and the library's own messages. */
  const others = ["on", "removeListener", "debugMsg", "fmtError"];
  const methods = Object.getOwnPropertyNames(SftpLibrary.prototype).filter((name) => name !== "constructor");

  it("has every public method of ssh2-sftp-client, and no other", () => {
    const publicMethods = methods.filter((name) => !name.startsWith("_"));
    assert.deepEqual([...Object.keys(operations), ...others].toSorted(), publicMethods.toSorted());
  });

  it("names only methods that are there", () => {
    const named = Object.values(operations).flatMap(({ within = [], parts = [] }) => [...within, ...parts]);
    for (const name of [...innerMethods, ...named]) assert.ok(methods.includes(name), name);
  });
});

onEachServer("operations over SFTP", (bench) => {
  const recorded = recordedClient(bench);
  const onDisk = (name: string) => join(bench.server.files, name);
  const told = () => recorded.told().map(facts);

  it("tells of what is asked, and what was answered", async () => {
    const { client } = recorded;
    const path = bench.path("/results/asked.txt");
    await writeFile(onDisk("/results/asked.txt"), "asked");
    const missing = bench.path("/results/missing.txt");
    const working = await client.cwd();
    assert.equal(await client.realPath(path), path);
    assert.equal(await client.exists(path), "-");
    assert.equal(await client.exists(missing), false);
    assert.equal((await client.stat(path)).size, 5);
    assert.equal((await (client as unknown as { lstat: SftpLibrary["stat"] }).lstat(path)).size, 5);
    const listed = await client.list(bench.path("/results"));
    assert.deepEqual(
      listed.map(({ name }) => name),
      ["asked.txt"],
    );
    const file = { remotePath: path, filename: "asked.txt" };
    assert.deepEqual(told(), [
      expected(bench, { operation: "cwd", message: working }),
      expected(bench, { operation: "realPath", ...file, message: path }),
      expected(bench, { operation: "exists", ...file, details: { found: true } }),
      expected(bench, {
        operation: "exists",
        remotePath: missing,
        filename: "missing.txt",
        details: { found: false },
      }),
      expected(bench, { operation: "stat", ...file }),
      expected(bench, { operation: "lstat", ...file }),
      expected(bench, {
        operation: "list",
        remotePath: bench.path("/results"),
        filename: "results",
        details: { entries: 1 },
      }),
    ]);
  });

  it("tells of what is changed", async () => {
    const { client } = recorded;
    await writeFile(onDisk("/inbox/a"), "a");
    const [a, b, deep] = [bench.path("/inbox/a"), bench.path("/inbox/b"), bench.path("/inbox/x/y")];
    await client.rename(a, b);
    assert.ok(existsSync(onDisk("/inbox/b")) && !existsSync(onDisk("/inbox/a")));
    await client.chmod(b, 0o640);
    assert.equal((await stat(onDisk("/inbox/b"))).mode & 0o777, 0o640);
    await client.delete(b);
    assert.ok(!existsSync(onDisk("/inbox/b")));
    await client.mkdir(deep, true);
    assert.ok(existsSync(onDisk("/inbox/x/y")));
    await client.rmdir(deep);
    assert.ok(!existsSync(onDisk("/inbox/x/y")));
    const changed = (operation: string, remotePath: string, message: string, details = {}) =>
      expected(bench, { operation, remotePath, filename: remotePath.split("/").at(-1)!, message, details });
    assert.deepEqual(told(), [
      changed("rename", a, `Successfully renamed ${a} to ${b}`, { target_path: b }),
      changed("chmod", b, "Successfully change file mode", { mode: "640" }),
      changed("delete", b, `Successfully deleted ${b}`),
      changed("mkdir", deep, `${deep} directory created`),
      changed("rmdir", deep, "Successfully removed directory", { files: 0 }),
    ]);
  });

  it("tells of a rename by the extension of OpenSSH, where the server has it", async () => {
    await writeFile(onDisk("/inbox/old"), "new content");
    await writeFile(onDisk("/inbox/new"), "old content");
    const [from, to] = [bench.path("/inbox/old"), bench.path("/inbox/new")];
    const error = await recorded.client.posixRename(from, to).then(
      () => null,
      (reason: unknown) => reason as Error,
    );
    const [event] = recorded.told();
    assert.deepEqual(
      [event!.operation, event!.remotePath, event!.details["target_path"], event!.error],
      ["posixRename", from, to, error],
    );
    const content = String(await bench.stored("/inbox/new"));
    assert.equal(content, event!.outcome === "success" ? "new content" : "old content");
    assert.equal(event!.outcome === "success", error === null);
  });

  it("rejects as without us, and tells the very error with its code", async () => {
    const plain = quietClient();
    await plain.connect(bench.server.login);
    const missing = bench.path("/nowhere/none.txt");
    const local = join(bench.folder, "failing.txt");
    await writeFile(local, "failing");
    mkdirSync(onDisk("/inbox/folder"), { recursive: true });
    const failing: [string, (client: SftpLibrary) => Promise<unknown>][] = [
      ["get", (client) => client.get(missing)],
      ["put", (client) => client.put(Buffer.from("x"), missing)],
      ["put", (client) => client.put(join(bench.folder, "none"), missing)],
      ["append", (client) => client.append(Buffer.from("x"), missing)],
      ["fastPut", (client) => client.fastPut(local, missing)],
      ["fastGet", (client) => client.fastGet(missing, local)],
      ["list", (client) => client.list(missing)],
      ["stat", (client) => client.stat(missing)],
      ["delete", (client) => client.delete(missing)],
      ["rename", (client) => client.rename(missing, bench.path("/inbox/y"))],
      ["chmod", (client) => client.chmod(missing, 0o600)],
      ["mkdir", (client) => client.mkdir(bench.path("/nowhere/deep"))],
      ["rmdir", (client) => client.rmdir(missing)],
      ["rcopy", (client) => client.rcopy(missing, bench.path("/inbox/z"))],
      ["uploadDir", (client) => client.uploadDir(local, bench.path("/inbox"))],
      ["downloadDir", (client) => client.downloadDir(missing, bench.folder)],
    ];
    for (const [operation, attempt] of failing) {
      const without = await rejection(attempt(plain));
      const error = await rejection(attempt(recorded.client));
      assert.deepEqual([error.message, error.code], [without.message, without.code]);
      const event = recorded.told().at(-1)!;
      assert.deepEqual(
        [event.operation, event.outcome, event.errorCode, event.sha256],
        [operation, "failure", String(error.code), null],
      );
      assert.equal(event.error, error);
    }
    assert.equal(recorded.told().length, failing.length);
    await plain.end();
  });

  it("says that it was denied, where the server does not permit it", async () => {
    await recorded.client.end();
    await recorded.client.connect(bench.server.readerLogin);
    const begun = recorded.told().length;
    const { client } = recorded;
    mkdirSync(onDisk("/results/guarded"));
    await writeFile(onDisk("/results/guarded/kept.txt"), "kept");
    const local = join(bench.folder, "denied.txt");
    await writeFile(local, "denied");
    const kept = bench.path("/results/guarded/kept.txt");
    await rejection(client.put(Buffer.from("x"), kept));
    await rejection(client.put(local, kept));
    await rejection(client.fastPut(local, kept));
    await rejection(client.append(Buffer.from("x"), kept));
    await rejection(client.delete(kept));
    await rejection(client.rename(kept, bench.path("/results/other.txt")));
    await rejection(client.chmod(kept, 0o777));
    await rejection(client.rcopy(kept, bench.path("/results/copy.txt")));
    await rejection(client.rmdir(bench.path("/results/guarded"), true));
    const refused = client.createWriteStream(kept);
    await new Promise((resolve) => refused.on("error", resolve));
    for (const { operation, outcome } of recorded.told().slice(begun))
      assert.equal(outcome, "denied", operation);
    assert.equal(String(await client.get(kept)), "kept");
    const outcomes = recorded.told().slice(begun);
    assert.deepEqual(
      outcomes.map(({ operation }) => operation),
      ["put", "put", "fastPut", "append", "delete", "rename", "chmod", "rcopy", "delete", "rmdir"].concat(
        "createWriteStream",
        "get",
      ),
    );
    assert.equal(outcomes.at(-1)!.outcome, "success");
  });

  it("carries the context of its caller", async () => {
    await runAs({ actor: { id: "ana" } }, () => recorded.client.exists(bench.path("/inbox")));
    assert.equal(recorded.told()[0]!.context!.actor()!.id, "ana");
  });

  it("is given back as it was", async () => {
    recorded.undo();
    for (const name of [...Object.keys(operations), ...innerMethods]) {
      assert.ok(!Object.hasOwn(recorded.client, name), name);
    }
    const { sftp, client } = recorded.client as unknown as { sftp: object; client: object };
    for (const name of ["open", "read", "write"]) assert.ok(!Object.hasOwn(sftp, name), name);
    assert.ok(!Object.hasOwn(client, "emit"));
    await recorded.client.put(Buffer.from("unseen"), bench.path("/inbox/unseen.txt"));
    assert.equal(String(await bench.stored("/inbox/unseen.txt")), "unseen");
    assert.equal(recorded.told().length, 0);
  });
});
