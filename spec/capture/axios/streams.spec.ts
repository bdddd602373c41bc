/**
 * Streams that axios sends and gives: handed through as they are, and told when they have ended.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { after, afterEach, before, describe, it } from "node:test";
import axios, { type AxiosInstance, type AxiosRequestConfig } from "axios";
import { captureAxios } from "#dist/capture/axios/axios";
import { assertCall, collectRecords } from "../../support/calls.js";
import { bytesOf, sha256, startService, type Service } from "../../support/service.js";

let service: Service;
before(async () => (service = await startService()));
after(() => service.close());

let undo = () => {};
afterEach(() => {
  undo();
  service.arrived.length = 0;
});

function audited(config: AxiosRequestConfig = {}, detail: "metadata" | "full" = "full") {
  const instance: AxiosInstance = axios.create({ baseURL: service.url, ...config });
  const { records, emit, options } = collectRecords(detail);
  undo = captureAxios(instance, emit, options);
  return { instance, records };
}

const told = (bytes: Buffer) => ({ $stream: true, bytes: bytes.byteLength, sha256: sha256(bytes) });

async function read(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.byteLength; at += 1000) yield bytes.subarray(at, at + 1000);
}

const call = (path: string, request: object, response: object, more: object = {}) => ({
  outcome: "success",
  error_message: null,
  request_repr: {
    method: "GET",
    endpoint: service.url + path,
    query_params: {},
    body: null,
    ...request,
  },
  response_repr: { status_code: 200, body: null, ...response },
  ...more,
});

const BYTES = bytesOf(300_000);

describe("a stream that is sent", () => {
  const UPLOADS: Record<string, () => Readable> = {
    "from a generator": () => Readable.from(pieces(BYTES)),
    "through another": () => Readable.from(pieces(BYTES)).pipe(new PassThrough()),
    "of texts": () => Readable.from(["a€", "b"]),
  };
  for (const [name, make] of Object.entries(UPLOADS)) {
    it(`${name} arrives whole, and its bytes are told`, async () => {
      const { instance, records } = audited();
      const stream = make();
      const answer = await instance.post("/end", stream);
      assert.equal(answer.config.data, stream, "it is the application's own");
      assert.equal(Object.hasOwn(stream, "emit"), false, "and as it was");
      const { body } = service.arrived[0]!;
      assertCall(
        records[0]!,
        call(
          "/end",
          { method: "POST", body: told(body) },
          { body: { path: "/end", bytes: body.byteLength } },
        ),
      );
      assert.ok(name === "of texts" ? body.toString() === "a€b" : body.equals(BYTES));
    });
  }

  it("that breaks off fails as without us, and what had passed is told without a hash", async () => {
    const { instance, records } = audited();
    const broken = Readable.from(
      (function* () {
        yield BYTES.subarray(0, 1000);
        throw new Error("no more paper");
      })(),
    );
    await assert.rejects(instance.post("/end", broken), { message: "no more paper" });
    assertCall(
      records[0]!,
      call(
        "/end",
        { method: "POST", body: { $stream: true, bytes: 1000, sha256: null } },
        { status_code: null },
        { outcome: "failure", error_message: "no more paper" },
      ),
    );
  });

  it("of the web, by the fetch adapter, arrives whole, and its bytes are told", async () => {
    const { instance, records } = audited({ adapter: "fetch" });
    await instance.post("/end", Readable.toWeb(Readable.from(pieces(BYTES))), {
      headers: { "content-type": "application/octet-stream" },
    });
    assert.ok(service.arrived[0]!.body.equals(BYTES));
    assertCall(
      records[0]!,
      call(
        "/end",
        { method: "POST", body: told(BYTES) },
        { body: { path: "/end", bytes: BYTES.byteLength } },
      ),
    );
  });
});

describe("a stream that is given", () => {
  const READERS: Record<string, (stream: Readable) => Promise<Buffer>> = {
    iterated: (stream) => read(stream),
    piped: async (stream) => {
      const target = new PassThrough();
      const [bytes] = await Promise.all([read(target), pipeline(stream, target)]);
      return bytes;
    },
    "listened to": async (stream) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      await once(stream, "end");
      return Buffer.concat(chunks);
    },
    "read by hand": async (stream) => {
      const chunks: Buffer[] = [];
      stream.on("readable", () => {
        for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk as Buffer);
      });
      await once(stream, "end");
      return Buffer.concat(chunks);
    },
    "read as text": async (stream) => {
      const chunks: string[] = [];
      for await (const chunk of stream.setEncoding("latin1")) chunks.push(chunk as string);
      return Buffer.from(chunks.join(""), "latin1");
    },
    "read late": async (stream) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return read(stream);
    },
  };
  for (const [name, reader] of Object.entries(READERS)) {
    it(`and ${name} is told when it has ended, not before`, async () => {
      const { instance, records } = audited();
      const { data } = await instance.get<Readable>("/bytes/300000", { responseType: "stream" });
      assert.equal(records.length, 0);
      assert.ok((await reader(data)).equals(BYTES));
      await new Promise(setImmediate);
      assertCall(records[0]!, call("/bytes/300000", {}, { body: told(BYTES) }));
      assert.equal(Object.hasOwn(data, "emit"), false);
      assert.equal(records.length, 1);
    });
  }

  it("and breaks off is a failure, with the stream's own error", async () => {
    const { instance, records } = audited();
    const { data } = await instance.get<Readable>("/slowly/4?break", { responseType: "stream" });
    await assert.rejects(read(data));
    assertCall(
      records[0]!,
      call(
        "/slowly/4",
        { query_params: { break: "" } },
        { body: { $stream: true, bytes: 2000, sha256: null } },
        { outcome: "failure", error_message: "aborted" },
      ),
    );
  });

  it("and left by its reader, or cancelled, is aborted", async () => {
    const { instance, records } = audited();
    const left = await instance.get<Readable>("/slowly/9", { responseType: "stream" });
    for await (const _ of left.data) break;
    const controller = new AbortController();
    const { data } = await instance.get<Readable>("/slowly/9", {
      responseType: "stream",
      signal: controller.signal,
    });
    await once(data, "data");
    const failed = once(data, "error").catch((error: unknown) => error);
    controller.abort();
    await failed;
    assert.deepEqual(
      records.map(({ outcome, response_repr: { body } }) => [outcome, body.sha256, body.bytes > 0]),
      [
        ["aborted", null, true],
        ["aborted", null, true],
      ],
    );
  });

  it("and never read is told as unknown when audit stops, and still is the application's", async () => {
    const { instance, records } = audited();
    const { data } = await instance.get<Readable>("/bytes/300000", { responseType: "stream" });
    undo();
    assertCall(
      records[0]!,
      call("/bytes/300000", {}, { body: { $stream: true, bytes: 0, sha256: null } }, { outcome: "unknown" }),
    );
    assert.ok((await read(data)).equals(BYTES));
    assert.equal(records.length, 1);
  });

  it("with an answer that says no is told at once, since nobody may read it", async () => {
    const { instance, records } = audited();
    const error = await instance
      .get("/status/500", { responseType: "stream" })
      .catch((reason: { response: { data: Readable } }) => reason);
    assert.equal(records.length, 1);
    assert.equal(records[0]!["outcome"], "failure");
    const { data } = (error as { response: { data: Readable } }).response;
    assert.deepEqual(JSON.parse((await read(data)).toString()), { status: 500 });
    assert.equal(records.length, 1);
  });

  it("is not hashed where only metadata is wanted, but its end is told", async () => {
    const { instance, records } = audited({}, "metadata");
    const { data } = await instance.get<Readable>("/bytes/300000", { responseType: "stream" });
    await read(data);
    assertCall(records[0]!, call("/bytes/300000", {}, {}));
  });
});

describe("a web stream that is given, by the fetch adapter", () => {
  const READERS: Record<string, (stream: ReadableStream<Uint8Array>) => Promise<Buffer>> = {
    iterated: (stream) => read(stream as unknown as AsyncIterable<Uint8Array>),
    "read by a reader": async (stream) => {
      const reader = stream.getReader();
      const chunks: Uint8Array[] = [];
      for (let next = await reader.read(); !next.done; next = await reader.read()) chunks.push(next.value);
      return Buffer.concat(chunks);
    },
    "made a stream of Node's": (stream) =>
      read(Readable.fromWeb(stream as Parameters<typeof Readable.fromWeb>[0])),
    "made a Response": async (stream) => Buffer.from(await new Response(stream).arrayBuffer()),
    "piped through another": (stream) =>
      read(stream.pipeThrough(new TransformStream()) as unknown as AsyncIterable<Uint8Array>),
    "split in two": async (stream) => {
      const [one, two] = stream.tee();
      const [bytes] = await Promise.all([one, two].map((half) => new Response(half).arrayBuffer()));
      return Buffer.from(bytes!);
    },
    "read into the reader's own buffers": async (stream) => {
      const reader = stream.getReader({ mode: "byob" });
      const chunks: Uint8Array[] = [];
      for (;;) {
        const { done, value } = await reader.read(new Uint8Array(4096));
        if (done) return Buffer.concat(chunks);
        chunks.push(value);
      }
    },
  };
  for (const [name, reader] of Object.entries(READERS)) {
    it(`and ${name} is told when it has ended`, async () => {
      const { instance, records } = audited({ adapter: "fetch" });
      const { data } = await instance.get<ReadableStream<Uint8Array>>("/bytes/300000", {
        responseType: "stream",
      });
      assert.ok(data instanceof ReadableStream && !data.locked);
      assert.ok((await reader(data)).equals(BYTES));
      assertCall(records[0]!, call("/bytes/300000", {}, { body: told(BYTES) }));
    });
  }

  it("and left by its reader is aborted", async () => {
    const { instance, records } = audited({ adapter: "fetch" });
    const { data } = await instance.get<ReadableStream<Uint8Array>>("/slowly/50", { responseType: "stream" });
    const reader = data.getReader();
    assert.ok(data.locked);
    assert.throws(() => data.getReader(), { name: "TypeError" });
    await reader.read();
    await reader.cancel();
    assert.equal(records[0]!["outcome"], "aborted");
  });

  it("and cancelled before it is read is aborted", async () => {
    const { instance, records } = audited({ adapter: "fetch" });
    const { data } = await instance.get<ReadableStream<Uint8Array>>("/slowly/50", { responseType: "stream" });
    await data.cancel();
    assertCall(
      records[0]!,
      call("/slowly/50", {}, { body: { $stream: true, bytes: 0, sha256: null } }, { outcome: "aborted" }),
    );
    assert.equal(Object.hasOwn(data, "cancel"), false);
  });

  it("and cancelled while it is read refuses that, and goes on", async () => {
    const { instance, records } = audited({ adapter: "fetch" });
    const { data } = await instance.get<ReadableStream<Uint8Array>>("/bytes/3000", {
      responseType: "stream",
    });
    const bytes = read(data as unknown as AsyncIterable<Uint8Array>);
    await assert.rejects(data.cancel(), { name: "TypeError" });
    assert.equal((await bytes).byteLength, 3000);
    assert.equal(records[0]!["outcome"], "success");
  });
});
