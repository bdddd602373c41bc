import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, it } from "node:test";
import { MultipartReader, multipartBoundary } from "#dist/capture/http/multipart";

const BOUNDARY = "--x1";
// Content that looks like its own delimiter, but for the last byte.
const FILE = Buffer.concat([randomBytes(3000), Buffer.from("\r\n----x\r\n----"), randomBytes(50)]);
const FORM = Buffer.concat([
  Buffer.from("preamble\r\n"),
  part('name="note"', null, Buffer.from("räth\r\nline")),
  part('name="empty"', null, Buffer.alloc(0)),
  part('filename="a \\"b\\".bin"; name="scan"', "application/x-thing", FILE),
  part("name=plain; filename*=UTF-8''na%C3%AFve.txt", null, Buffer.from("text")),
  Buffer.from(`--${BOUNDARY}--\r\nepilogue`),
]);

function part(disposition: string, type: string | null, content: Buffer): Buffer {
  const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; ${disposition}\r\n${type ? `Content-Type: ${type}\r\n` : ""}\r\n`;
  return Buffer.concat([Buffer.from(head), content, Buffer.from("\r\n")]);
}

function sha256(content: Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

const PARTS = [
  {
    name: "note",
    filename: null,
    contentType: null,
    bytes: 11,
    sha256: null,
    value: "räth\r\nline",
    truncated: false,
  },
  { name: "empty", filename: null, contentType: null, bytes: 0, sha256: null, value: "", truncated: false },
  {
    name: "scan",
    filename: 'a "b".bin',
    contentType: "application/x-thing",
    bytes: FILE.length,
    sha256: sha256(FILE),
    value: null,
    truncated: false,
  },
  {
    name: "plain",
    filename: "naïve.txt",
    contentType: null,
    bytes: 4,
    sha256: sha256(Buffer.from("text")),
    value: null,
    truncated: false,
  },
];

/** Reads `form` in pieces of the given sizes, over and over. */
function read(form: Buffer, sizes: readonly number[], limit = 1000): MultipartReader {
  const reader = new MultipartReader(BOUNDARY, limit);
  for (let at = 0, n = 0; at < form.length; n += 1) {
    const size = sizes[n % sizes.length] ?? 1;
    reader.read(form.subarray(at, at + size));
    at += size;
  }
  return reader;
}

describe("a multipart form", () => {
  it("is read alike however it is cut", () => {
    assert.deepEqual(read(FORM, [FORM.length]).parts(), PARTS);
    for (let size = 1; size < 90; size += 1)
      assert.deepEqual(read(FORM, [size]).parts(), PARTS, `pieces of ${size}`);
    for (let run = 0; run < 50; run += 1) {
      const sizes = [...randomBytes(7)].map((byte) => byte + 1);
      assert.deepEqual(read(FORM, sizes).parts(), PARTS, `pieces of ${sizes.join()}`);
    }
  });

  it("tells a part that did not end as truncated, and a file without a hash", () => {
    const cut = FORM.subarray(0, FORM.indexOf(FILE) + 1000);
    const parts = read(cut, [64]).parts();
    assert.equal(parts.length, 3);
    assert.deepEqual([parts[2]?.truncated, parts[2]?.sha256], [true, null]);
  });

  it("keeps no more of its fields than the limit, and counts them whole", () => {
    const parts = read(FORM, [16], 5).parts();
    assert.deepEqual(
      parts.slice(0, 2).map(({ bytes, value, truncated }) => [bytes, value, truncated]),
      [
        [11, "räth", true],
        [0, "", false],
      ],
    );
  });

  it("stops at a head that is none, and at too many parts", () => {
    const endless = Buffer.concat([Buffer.from(`--${BOUNDARY}\r\n`), Buffer.alloc(40_000, 97)]);
    assert.deepEqual(read(endless, [1000]).parts(), []);
    const many = Buffer.concat(Array.from({ length: 1500 }, () => part('name="a"', null, Buffer.from("b"))));
    assert.equal(read(many, [5000]).parts().length, 1000);
    const whole = [endless, many, Buffer.from("no form"), FORM].map((form) => read(form, [5000]).whole);
    assert.deepEqual(whole, [false, false, false, true]);
  });

  it("takes no longer for heads that are made to be slow", () => {
    const type = `a${" ".repeat(15_000)}b`;
    const form = Buffer.concat(Array.from({ length: 20 }, () => part('name="a"', type, Buffer.from("b"))));
    const begin = process.cpuUsage();
    const { length } = read(form, [form.length]).parts();
    // Where the time grew with the square of a head's length, these took twenty times as long.
    assert.deepEqual([length, process.cpuUsage(begin).user < 1_000_000], [20, true]);
  });
});

describe("a boundary", () => {
  it("is read from the content type of a form only", () => {
    assert.equal(multipartBoundary('multipart/form-data; charset=utf-8; boundary="a b"'), "a b");
    assert.equal(multipartBoundary("Multipart/Form-Data;boundary=abc;x=1"), "abc");
    assert.equal(multipartBoundary("multipart/mixed; boundary=abc"), null);
    assert.equal(multipartBoundary("multipart/form-data"), null);
    assert.equal(multipartBoundary(undefined), null);
  });
});
