/**
 * SFTP operations against a real server, ssh2's own: one event each, with what stands on the server's disk.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import SftpLibrary from "ssh2-sftp-client";
import { SftpClient } from "activity-audit";
import { labServer, type LabServer } from "#demo/outside/lab";
import type { SftpCallEvent } from "#dist/capture/event";
import { captureSftp } from "#dist/capture/sftp";
import { runAs } from "#dist/context/run";
import { collectCalls, type CollectedCalls } from "../support/events.js";

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const outline = ({ operation, outcome }: SftpCallEvent) => `${operation} ${outcome}`;

let lab: LabServer;
let folder: string;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sftp-spec-"));
  lab = await labServer(join(folder, "server"));
});
after(async () => {
  await lab.close();
  await rm(folder, { recursive: true });
});

const onServer = (path: string) => readFile(join(lab.folder, path));

describe("an ssh2-sftp-client", () => {
  let client: SftpLibrary;
  let calls: CollectedCalls<SftpCallEvent>;
  let undo: () => void;

  beforeEach(async () => {
    client = new SftpLibrary("spec");
    calls = collectCalls();
    undo = captureSftp(client, calls.emit, calls.options);
    await client.connect(lab.address);
  });
  afterEach(() => client.end());

  it("tells of a connection without its password", () => {
    assert.deepEqual(calls.events.map(outline), ["connect success"]);
    const [event] = calls.events as [SftpCallEvent];
    assert.equal(event.host, "127.0.0.1");
    assert.ok(!JSON.stringify(event).includes(lab.address.password));
  });

  it("tells of an upload of bytes, of a file and of a stream, with what stands on the server", async () => {
    const local = join(folder, "local.txt");
    await writeFile(local, "from a file");
    await client.put(Buffer.from("from bytes"), "/inbox/bytes.txt");
    await client.put(local, "/inbox/file.txt");
    await client.put(Readable.from([Buffer.from("from "), Buffer.from("a stream")]), "/inbox/stream.txt");
    const uploads = calls.events.slice(1);
    for (const [index, name] of ["bytes", "file", "stream"].entries()) {
      const stored = await onServer(`/inbox/${name}.txt`);
      const { kind, protocol, operation, remotePath, bytes, sha256: hash, outcome, host } = uploads[index]!;
      assert.deepEqual(
        { kind, protocol, operation, remotePath, bytes, hash, outcome, host },
        {
          kind: "call",
          protocol: "sftp",
          operation: "put",
          remotePath: `/inbox/${name}.txt`,
          bytes: stored.length,
          hash: sha256(stored),
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
    await writeFile(join(lab.folder, "results/big.txt"), content);
    const local = join(folder, "copy.txt");
    const chunks: Buffer[] = [];
    const sink = new Writable({
      write(chunk: Buffer, _encoding, done) {
        chunks.push(chunk);
        done();
      },
    });
    assert.deepEqual(await client.get("/results/big.txt"), content);
    await client.get("/results/big.txt", local);
    await client.get("/results/big.txt", sink);
    assert.deepEqual(await readFile(local), content);
    assert.deepEqual(Buffer.concat(chunks), content);
    for (const { operation, bytes, sha256: hash } of calls.events.slice(1)) {
      assert.deepEqual([operation, bytes, hash], ["get", content.length, sha256(content)]);
    }
    assert.equal(calls.events.length, 4);
  });

  it("tells of what it asks and changes on the server, one event a call", async () => {
    await client.put(Buffer.from("x"), "/inbox/a.txt");
    await client.rename("/inbox/a.txt", "/inbox/b.txt");
    assert.equal(await client.exists("/inbox/b.txt"), "-");
    assert.equal((await client.list("/inbox")).length > 0, true);
    await client.stat("/inbox/b.txt");
    await client.delete("/inbox/b.txt");
    assert.deepEqual(calls.events.slice(2).map(outline), [
      "rename success",
      "exists success",
      "list success",
      "stat success",
      "delete success",
    ]);
    const rename = calls.events[2]!;
    assert.equal(rename.remotePath, "/inbox/a.txt");
    assert.deepEqual(rename.details, { target_path: "/inbox/b.txt" });
  });

  it("counts a copy on the server once", async () => {
    const content = Buffer.alloc(200_000, "abc");
    await client.put(content, "/inbox/original.txt");
    await client.rcopy("/inbox/original.txt", "/inbox/copy.txt");
    assert.deepEqual(await onServer("/inbox/copy.txt"), content);
    const { operation, bytes, sha256: hash, details } = calls.events.at(-1)!;
    assert.deepEqual(
      { operation, bytes, hash, details },
      {
        operation: "rcopy",
        bytes: content.length,
        hash: sha256(content),
        details: { target_path: "/inbox/copy.txt" },
      },
    );
  });

  it("rejects as without us, and tells the very error", async () => {
    const error = await client.get("/results/none.txt").then(
      () => assert.fail("it did not reject"),
      (reason: unknown) => reason,
    );
    const [, event] = calls.events as [SftpCallEvent, SftpCallEvent];
    assert.equal(outline(event), "get failure");
    assert.equal(event.error, error);
    assert.equal(event.remotePath, "/results/none.txt");
  });

  it("keeps concurrent transfers apart", async () => {
    const names = ["one", "two", "three", "four", "five"];
    await Promise.all(names.map((name) => client.put(Buffer.from(name.repeat(1000)), `/inbox/${name}`)));
    const told = calls.events.slice(1).map(({ remotePath, sha256: hash }) => [remotePath, hash]);
    const expected = names.map((name) => [`/inbox/${name}`, sha256(name.repeat(1000))]);
    assert.deepEqual(new Map(told as [string, string][]), new Map(expected as [string, string][]));
  });

  it("tells of a directory once, and of each of its files", async () => {
    const source = join(folder, "directory");
    await mkdir(source, { recursive: true });
    await writeFile(join(source, "1.txt"), "first");
    await writeFile(join(source, "2.txt"), "second");
    await client.uploadDir(source, "/inbox");
    const told = calls.events.slice(1).map(({ operation, outcome }) => `${operation} ${outcome}`);
    assert.equal(told.filter((one) => one === "uploadDir success").length, 1);
    assert.equal(told.length, 3, told.join(", "));
    assert.equal(String(await onServer("/inbox/1.txt")), "first");
  });

  it("tells of an operation that is begun in another's stream", async () => {
    await writeFile(join(lab.folder, "results/first.txt"), "first");
    let second: Promise<unknown> | undefined;
    const sink = new Writable({
      write(_chunk, _encoding, done) {
        second ??= new Promise((resolve) => {
          // Later, when the download itself is over.
          setTimeout(() => resolve(client.put(Buffer.from("second"), "/inbox/second.txt")), 100);
        });
        done();
      },
    });
    await client.get("/results/first.txt", sink);
    await second;
    assert.deepEqual(calls.events.slice(1).map(outline), ["get success", "put success"]);
  });

  it("tells of an operation that never ends, when its connection is gone, and gives no hash of half a file", async () => {
    const hanging = client.get("/results/first.txt", new Writable({ write: () => {} }) as never);
    hanging.catch(() => {});
    const { client: connection } = client as unknown as { client: { destroy(): void } };
    const slow = client.put(new Readable({ read: () => {} }), "/inbox/slow.txt");
    slow.catch(() => {});
    connection.destroy();
    while (calls.events.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
    for (const { outcome, bytes, sha256: hash } of calls.events.slice(1)) {
      assert.ok(outcome === "unknown" || outcome === "failure", outcome);
      assert.deepEqual([bytes, hash], [null, null]);
    }
  });

  it("carries the context of its caller", async () => {
    await runAs({ actor: { id: "ana" } }, () => client.exists("/inbox"));
    assert.equal(calls.events[1]!.context!.actor()!.id, "ana");
  });

  it("is given back as it was", async () => {
    undo();
    const told = calls.events.length;
    assert.ok(!Object.hasOwn(client, "put"));
    await client.put(Buffer.from("unseen"), "/inbox/unseen.txt");
    assert.equal(String(await onServer("/inbox/unseen.txt")), "unseen");
    assert.equal(calls.events.length, told);
  });
});

describe("SftpClient", () => {
  class Lab extends SftpClient {
    constructor() {
      super("lab");
    }
  }

  it("keeps the seed's ease: connect, isValidPath, upload, download, close, on one connection", async () => {
    const client = new Lab();
    await Promise.all([client.connect(lab.address), client.connect(lab.address)]);
    await client.connect(lab.address);
    assert.equal(await client.isValidPath("/inbox"), true);
    assert.equal(await client.isValidPath("/nowhere"), false);
    assert.equal(await client.upload("/inbox", "easy.txt", "text"), "/inbox/easy.txt");
    assert.equal(String(await client.download("/inbox/easy.txt")), "text");
    await client.close();
    await client.connect(lab.address);
    assert.equal(await client.isValidPath("/inbox/easy.txt"), true);
    await client.close();
    await client.close();
  });

  it("gives a failed connection back to be tried again", async () => {
    const client = new Lab();
    await assert.rejects(client.connect({ ...lab.address, password: "wrong", readyTimeout: 5000 }));
    await client.connect(lab.address);
    await client.close();
  });
});
