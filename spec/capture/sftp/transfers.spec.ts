/**
 * Files that go over SFTP, in every way that the library has: bytes and hash as they stand on the server's disk.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { EventEmitter } from "node:events";
import { createReadStream, createWriteStream, openSync } from "node:fs";
import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import { it } from "node:test";
import type { SftpCallEvent } from "#dist/capture/event";
import { expected, facts, recordedClient } from "./recorded.js";
import { onEachServer, sha256, sha256OfFile } from "./servers.js";
import { until } from "../../support/until.js";

/** More than one piece of every kind there is: 32 KB of fast transfers, 64 KB of streams, 255 KB of one write. */
const big = randomBytes(3_000_001);

/** Takes all that comes, slowly enough to be waited for. */
const slowSink = (chunks: Buffer[]): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk);
      setImmediate(done);
    },
  });

onEachServer("files over SFTP", (bench) => {
  const recorded = recordedClient(bench);
  const local = (name: string) => join(bench.folder, name);
  const onDisk = (name: string) => join(bench.server.files, name);

  /** The last event, against what stands on the server. */
  const toldAs = (operation: string, name: string, more: Partial<SftpCallEvent>) => {
    const [event] = recorded.told().slice(-1);
    const path = bench.path(name);
    const file = { operation, remotePath: path, sha256: sha256OfFile(onDisk(name)) };
    assert.deepEqual(facts(event!), expected(bench, { ...file, ...more }));
    assert.ok(event!.durationMs > 0);
  };

  it("tells of an upload of bytes, of a file and of streams", async () => {
    await writeFile(local("local.bin"), big);
    const sources: [unknown, string][] = [
      [big, "of-bytes.bin"],
      [local("local.bin"), "local.bin"],
      [createReadStream(local("local.bin")), "local.bin"],
      [createReadStream("", { fd: openSync(local("local.bin"), "r") }), "of-a-descriptor.bin"],
      [(await open(local("local.bin"))).createReadStream(), "of-a-handle.bin"],
      [Readable.from([big.subarray(0, 7), big.subarray(7)]), "of-chunks.bin"],
    ];
    for (const [source, filename] of sources) {
      const name = `/inbox/${filename}`;
      await recorded.client.put(source as Buffer, bench.path(name));
      assert.deepEqual(await bench.stored(name), big);
      const message = `Uploaded data stream to ${bench.path(name)}`;
      toldAs("put", name, { filename, bytes: big.length, message });
    }
    assert.equal(recorded.told().length, sources.length);
  });

  it("tells of a download to memory, to a file and to streams, and hands over the same bytes", async () => {
    await writeFile(onDisk("/results/big.bin"), big);
    const path = bench.path("/results/big.bin");
    const chunks: Buffer[] = [];
    assert.deepEqual(await recorded.client.get(path), big);
    toldAs("get", "/results/big.bin", { filename: "big.bin", bytes: big.length });
    await recorded.client.get(path, local("copy.bin"));
    toldAs("get", "/results/big.bin", { filename: "copy.bin", bytes: big.length });
    const file = createWriteStream(local("written.bin"));
    await recorded.client.get(path, file);
    toldAs("get", "/results/big.bin", { filename: "written.bin", bytes: big.length });
    const sink = slowSink(chunks);
    await recorded.client.get(path, sink);
    await Promise.all([finished(file), finished(sink)]);
    toldAs("get", "/results/big.bin", { filename: "big.bin", bytes: big.length });
    assert.deepEqual(await readFile(local("copy.bin")), big);
    assert.deepEqual(await readFile(local("written.bin")), big);
    assert.deepEqual(Buffer.concat(chunks), big);
    assert.equal(recorded.told().length, 4);
  });

  it("tells of fast transfers both ways, with the bytes that went over, and only the name of the local file", async () => {
    await writeFile(local("fast.bin"), big);
    const name = "/inbox/fast.bin";
    for (const options of [
      {},
      { concurrency: 3, chunkSize: 10_000 },
      { concurrency: 5, chunkSize: 300_000 },
    ]) {
      await recorded.client.fastPut(local("fast.bin"), bench.path(name), options);
      assert.deepEqual(await bench.stored(name), big);
      toldAs("fastPut", name, {
        filename: "fast.bin",
        bytes: big.length,
        message: `fast.bin was successfully uploaded to ${bench.path(name)}!`,
      });
      await recorded.client.fastGet(bench.path(name), local("fast-copy.bin"), options);
      assert.deepEqual(await readFile(local("fast-copy.bin")), big);
      toldAs("fastGet", name, {
        filename: "fast-copy.bin",
        bytes: big.length,
        message: `${bench.path(name)} was successfully download to fast-copy.bin!`,
      });
    }
    assert.equal(recorded.told().length, 6);
  });

  it("tells of empty files as of no bytes, with the hash of nothing", async () => {
    await writeFile(local("empty"), "");
    const path = bench.path("/inbox/empty");
    await recorded.client.put(Buffer.alloc(0), path);
    await recorded.client.fastPut(local("empty"), path);
    await recorded.client.get(path);
    await recorded.client.fastGet(path, local("empty-copy"));
    for (const { bytes, sha256: hash } of recorded.told()) assert.deepEqual([bytes, hash], [0, sha256("")]);
    assert.equal(recorded.told().length, 4);
  });

  it("tells of what was appended, not of what was there", async () => {
    const path = bench.path("/inbox/log.txt");
    await recorded.client.put(Buffer.from("first line\n"), path);
    await recorded.client.append(Buffer.from("second line\n"), path);
    assert.equal(String(await bench.stored("/inbox/log.txt")), "first line\nsecond line\n");
    toldAs("append", "/inbox/log.txt", {
      filename: "log.txt",
      bytes: 12,
      sha256: sha256("second line\n"),
      message: `Appended data to ${path}`,
    });
  });

  it("counts a copy on the server once", async () => {
    await writeFile(onDisk("/results/original.bin"), big);
    const [from, to] = [bench.path("/results/original.bin"), bench.path("/results/twin.bin")];
    await recorded.client.rcopy(from, to);
    assert.deepEqual(await bench.stored("/results/twin.bin"), big);
    toldAs("rcopy", "/results/original.bin", {
      filename: "original.bin",
      bytes: big.length,
      message: `${from} copied to ${to}`,
      details: { target_path: to },
    });
    assert.equal(recorded.told().length, 1);
  });

  it("tells of streams when they are closed, whatever reads and writes them", async () => {
    const name = "/inbox/streamed.bin";
    const writable = recorded.client.createWriteStream(bench.path(name));
    assert.equal(recorded.told().length, 0);
    await pipeline(Readable.from([big.subarray(0, 100_000), big.subarray(100_000)]), writable);
    toldAs("createWriteStream", name, { filename: "streamed.bin", bytes: big.length });

    const chunks: Buffer[] = [];
    await pipeline(recorded.client.createReadStream(bench.path(name)), slowSink(chunks));
    assert.deepEqual(Buffer.concat(chunks), big);
    await until(() => recorded.told().length === 2);
    toldAs("createReadStream", name, { filename: "streamed.bin", bytes: big.length });

    const text = recorded.client.createReadStream(bench.path(name), { encoding: "hex" } as never);
    let hex = "";
    for await (const chunk of text) hex += String(chunk);
    assert.equal(hex, big.toString("hex"));
    await until(() => recorded.told().length === 3);
    toldAs("createReadStream", name, { filename: "streamed.bin", bytes: big.length });

    const part = recorded.client.createReadStream(bench.path(name), { start: 10, end: 19 } as never);
    await pipeline(part, slowSink([]));
    await until(() => recorded.told().length === 4);
    toldAs("createReadStream", name, {
      filename: "streamed.bin",
      bytes: 10,
      sha256: sha256(big.subarray(10, 20)),
    });
    assert.equal(recorded.told().length, 4);
  });

  it("tells of a stream that the application leaves in the middle", async () => {
    await writeFile(onDisk("/results/left.bin"), big);
    const readable = recorded.client.createReadStream(bench.path("/results/left.bin"));
    for await (const chunk of readable) {
      assert.ok(chunk);
      break;
    }
    const writable = recorded.client.createWriteStream(bench.path("/inbox/half.bin"));
    await new Promise((resolve) => writable.write(big.subarray(0, 1000), resolve));
    const closed = new Promise((resolve) => writable.on("close", resolve));
    writable.destroy();
    await closed;
    await until(() => recorded.told().length === 2);
    const [left, half] = recorded.told();
    assert.deepEqual([left!.outcome, left!.sha256], ["aborted", null]);
    assert.ok(left!.bytes! > 0 && left!.bytes! < big.length);
    assert.deepEqual([half!.outcome, half!.bytes, half!.sha256], ["aborted", 1000, null]);
    assert.equal((await bench.stored("/inbox/half.bin")).length, 1000);
  });

  it("keeps concurrent transfers of one connection apart", async () => {
    // The library listens three times for each; Node warns of more than ten.
    (recorded.client as unknown as { client: EventEmitter }).client.setMaxListeners(100);
    const files = Array.from({ length: 24 }, (_, index) => ({
      name: `/inbox/concurrent-${index}`,
      content: randomBytes(1000 * index + 1),
    }));
    await Promise.all(files.map(({ name, content }) => recorded.client.put(content, bench.path(name))));
    await Promise.all(files.map(({ name }) => recorded.client.get(bench.path(name))));
    await Promise.all(
      files.map(({ name }) => recorded.client.fastGet(bench.path(name), local(name.slice(7)))),
    );
    for (const operation of ["put", "get", "fastGet"]) {
      const told = recorded.told().filter((event) => event.operation === operation);
      const outline = told.map(({ remotePath, bytes, sha256: hash }) => [remotePath, bytes, hash].join(" "));
      const truth = files.map(({ name, content }) =>
        [bench.path(name), content.length, sha256OfFile(onDisk(name))].join(" "),
      );
      assert.deepEqual(outline.toSorted(), truth.toSorted());
    }
  });

  it("tells of an operation that is begun within another's stream", async () => {
    await writeFile(onDisk("/results/first.txt"), "first");
    async function* fromTheServer() {
      yield await recorded.client.get(bench.path("/results/first.txt"));
    }
    await recorded.client.put(Readable.from(fromTheServer()), bench.path("/inbox/second.txt"));
    assert.deepEqual(
      recorded.told().map(({ operation, outcome, bytes }) => [operation, outcome, bytes]),
      [
        ["get", "success", 5],
        ["put", "success", 5],
      ],
    );
  });
});
