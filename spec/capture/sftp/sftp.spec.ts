/**
 * SFTP operations against real servers: one event each, with what stands on the server's disk.
 */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { afterEach, beforeEach, it } from "node:test";
import SftpLibrary from "ssh2-sftp-client";
import { SftpClient } from "activity-audit";
import type { SftpCallEvent } from "#dist/capture/event";
import { captureSftp } from "#dist/capture/sftp";
import { runAs } from "#dist/context/run";
import { collectCalls, type CollectedCalls } from "../../support/events.js";
import { onEachServer, sha256 } from "./servers.js";

const outline = ({ operation, outcome }: SftpCallEvent) => `${operation} ${outcome}`;

onEachServer("an ssh2-sftp-client", (bench) => {
  const path = (name: string) => bench.path(name);
  const stored = (name: string) => bench.stored(name);
  let client: SftpLibrary;
  let calls: CollectedCalls<SftpCallEvent>;
  let undo: () => void;

  beforeEach(async () => {
    client = new SftpLibrary("spec");
    calls = collectCalls();
    undo = captureSftp(client, calls.emit, calls.options);
    await client.connect(bench.server.login);
  });
  afterEach(() => client.end());

  it("tells of a connection without its password", () => {
    assert.deepEqual(calls.events.map(outline), ["connect success"]);
    const [event] = calls.events as [SftpCallEvent];
    assert.equal(event.host, "127.0.0.1");
    assert.ok(!JSON.stringify(event).includes("demo-lab-password"));
  });

  it("tells of an upload of bytes, of a file and of a stream, with what stands on the server", async () => {
    const local = join(bench.folder, "local.txt");
    await writeFile(local, "from a file");
    await client.put(Buffer.from("from bytes"), path("/inbox/bytes.txt"));
    await client.put(local, path("/inbox/file.txt"));
    await client.put(
      Readable.from([Buffer.from("from "), Buffer.from("a stream")]),
      path("/inbox/stream.txt"),
    );
    const uploads = calls.events.slice(1);
    for (const [index, name] of ["bytes", "file", "stream"].entries()) {
      const content = await stored(`/inbox/${name}.txt`);
      const { kind, protocol, operation, remotePath, bytes, sha256: hash, outcome, host } = uploads[index]!;
      assert.deepEqual(
        { kind, protocol, operation, remotePath, bytes, hash, outcome, host },
        {
          kind: "call",
          protocol: "sftp",
          operation: "put",
          remotePath: path(`/inbox/${name}.txt`),
          bytes: content.length,
          hash: sha256(content),
          outcome: "success",
          host: "127.0.0.1",
        },
      );
    }
    assert.deepEqual(
      uploads.map(({ filename }) => filename),
      ["bytes.txt", local, "stream.txt"],
    );
  });

  it("tells of a download to memory, to a file and to a stream, and hands over the same bytes", async () => {
    const content = Buffer.alloc(100_000, "0123456789");
    await writeFile(join(bench.server.files, "results/big.txt"), content);
    const local = join(bench.folder, "copy.txt");
    const chunks: Buffer[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
    assert.deepEqual(await client.get(path("/results/big.txt")), content);
    await client.get(path("/results/big.txt"), local);
    await client.get(path("/results/big.txt"), sink);
    assert.deepEqual(await readFile(local), content);
    assert.deepEqual(Buffer.concat(chunks), content);
    for (const { operation, bytes, sha256: hash } of calls.events.slice(1)) {
      assert.deepEqual([operation, bytes, hash], ["get", content.length, sha256(content)]);
    }
    assert.equal(calls.events.length, 4);
  });

  it("tells of what it asks and changes on the server, one event a call", async () => {
    await client.put(Buffer.from("x"), path("/inbox/a.txt"));
    await client.rename(path("/inbox/a.txt"), path("/inbox/b.txt"));
    assert.equal(await client.exists(path("/inbox/b.txt")), "-");
    assert.equal((await client.list(path("/inbox"))).length > 0, true);
    await client.stat(path("/inbox/b.txt"));
    await client.delete(path("/inbox/b.txt"));
    assert.deepEqual(calls.events.slice(2).map(outline), [
      "rename success",
      "exists success",
      "list success",
      "stat success",
      "delete success",
    ]);
    const rename = calls.events[2]!;
    assert.equal(rename.remotePath, path("/inbox/a.txt"));
    assert.deepEqual(rename.details, { target_path: path("/inbox/b.txt") });
  });

  it("counts a copy on the server once", async () => {
    const content = Buffer.alloc(200_000, "abc");
    await client.put(content, path("/inbox/original.txt"));
    await client.rcopy(path("/inbox/original.txt"), path("/inbox/copy.txt"));
    assert.deepEqual(await stored("/inbox/copy.txt"), content);
    const { operation, bytes, sha256: hash, details } = calls.events.at(-1)!;
    assert.deepEqual(
      { operation, bytes, hash, details },
      {
        operation: "rcopy",
        bytes: content.length,
        hash: sha256(content),
        details: { target_path: path("/inbox/copy.txt") },
      },
    );
  });

  it("rejects as without us, and tells the very error", async () => {
    const error = await client.get(path("/results/none.txt")).then(
      () => assert.fail("it did not reject"),
      (reason: unknown) => reason,
    );
    const [, event] = calls.events as [SftpCallEvent, SftpCallEvent];
    assert.equal(outline(event), "get failure");
    assert.equal(event.error, error);
    assert.equal(event.remotePath, path("/results/none.txt"));
  });

  it("keeps concurrent transfers apart", async () => {
    const names = ["one", "two", "three", "four", "five"];
    await Promise.all(
      names.map((name) => client.put(Buffer.from(name.repeat(1000)), path(`/inbox/${name}`))),
    );
    const told = calls.events.slice(1).map(({ remotePath, sha256: hash }) => [remotePath, hash]);
    const expected = names.map((name) => [path(`/inbox/${name}`), sha256(name.repeat(1000))]);
    assert.deepEqual(new Map(told as [string, string][]), new Map(expected as [string, string][]));
  });

  it("tells of a directory once, and of each of its files", async () => {
    const source = join(bench.folder, "directory");
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "1.txt"), "first");
    await writeFile(join(source, "2.txt"), "second");
    await client.uploadDir(source, path("/inbox"));
    const told = calls.events.slice(1).map(({ operation, outcome }) => `${operation} ${outcome}`);
    assert.equal(told.filter((one) => one === "uploadDir success").length, 1);
    assert.equal(told.length, 3, told.join(", "));
    assert.equal(String(await stored("/inbox/1.txt")), "first");
  });

  it("tells of an operation that is begun in another's stream", async () => {
    await writeFile(join(bench.server.files, "results/first.txt"), "first");
    let second: Promise<unknown> | undefined;
    const sink = new Writable({
      write(_chunk, _encoding, done) {
        second ??= new Promise((resolve) => {
          // Later, when the download itself is over.
          setTimeout(() => resolve(client.put(Buffer.from("second"), path("/inbox/second.txt"))), 100);
        });
        done();
      },
    });
    await client.get(path("/results/first.txt"), sink);
    await second;
    assert.deepEqual(calls.events.slice(1).map(outline), ["get success", "put success"]);
  });

  it("tells of an operation that never ends, when its connection is gone, and gives no hash of half a file", async () => {
    const hanging = client.get(path("/results/first.txt"), new Writable({ write: () => {} }) as never);
    hanging.catch(() => {});
    const { client: connection } = client as unknown as { client: { destroy(): void } };
    const slow = client.put(new Readable({ read: () => {} }), path("/inbox/slow.txt"));
    slow.catch(() => {});
    connection.destroy();
    while (calls.events.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { outcome, bytes, sha256: hash } of calls.events.slice(1)) {
      assert.ok(outcome === "unknown" || outcome === "failure", outcome);
      assert.deepEqual([bytes, hash], [null, null]);
    }
  });

  it("carries the context of its caller", async () => {
    await runAs({ actor: { id: "ana" } }, () => client.exists(path("/inbox")));
    assert.equal(calls.events[1]!.context!.actor()!.id, "ana");
  });

  it("is given back as it was", async () => {
    undo();
    const told = calls.events.length;
    assert.ok(!Object.hasOwn(client, "put"));
    await client.put(Buffer.from("unseen"), path("/inbox/unseen.txt"));
    assert.equal(String(await stored("/inbox/unseen.txt")), "unseen");
    assert.equal(calls.events.length, told);
  });
});

onEachServer("SftpClient", (bench) => {
  const path = (name: string) => bench.path(name);
  class Lab extends SftpClient {
    constructor() {
      super("lab");
    }
  }

  it("keeps the seed's ease: connect, isValidPath, upload, download, close, on one connection", async () => {
    const client = new Lab();
    await Promise.all([client.connect(bench.server.login), client.connect(bench.server.login)]);
    await client.connect(bench.server.login);
    assert.equal(await client.isValidPath(path("/inbox")), true);
    assert.equal(await client.isValidPath(path("/nowhere")), false);
    assert.equal(await client.upload(path("/inbox"), "easy.txt", "text"), path("/inbox/easy.txt"));
    assert.equal(String(await client.download(path("/inbox/easy.txt"))), "text");
    await client.close();
    await client.connect(bench.server.login);
    assert.equal(await client.isValidPath(path("/inbox/easy.txt")), true);
    await client.close();
    await client.close();
  });

  it("gives a failed connection back to be tried again", async () => {
    const client = new Lab();
    await assert.rejects(client.connect({ ...bench.server.refusedLogin, readyTimeout: 5000 }));
    await client.connect(bench.server.login);
    await client.close();
  });
});
