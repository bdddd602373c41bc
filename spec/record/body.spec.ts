import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, it } from "node:test";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import { bodyOf, bodyOfText } from "#dist/record/body";
import { bodyOfBytes } from "./events.js";

const JSON_TYPE = "application/json; charset=utf-8";
const read = (content: string | Buffer, type: string, encoding = ""): unknown =>
  bodyOf(bodyOfBytes(content), type, encoding);

describe("a body", () => {
  it("is an object where it was JSON, whatever the type is called", () => {
    for (const type of [JSON_TYPE, "application/problem+json", "Application/JSON", "text/json"]) {
      assert.deepEqual(read('{"a":[1,null]}', type), { a: [1, null] });
    }
    assert.equal(read('"text"', JSON_TYPE), "text");
    assert.equal(read("{ not json", JSON_TYPE), "{ not json");
  });

  it("is an object where it was a form", () => {
    assert.deepEqual(read("a=1&b=x+y&b=%C3%A4&c", "application/x-www-form-urlencoded"), {
      a: "1",
      b: ["x y", "ä"],
      c: "",
    });
  });

  it("is the fields of a multipart form; files by name, size and digest", () => {
    const file = Buffer.from([0, 1, 2, 13, 10, 45, 45, 3]);
    const body = Buffer.concat([
      Buffer.from('--b1\r\nContent-Disposition: form-data; name="user"\r\n\r\nAna\r\n--b1\r\n'),
      Buffer.from(
        'Content-Disposition: form-data; name="scan"; filename="a.png"\r\nContent-Type: image/png\r\n\r\n',
      ),
      file,
      Buffer.from("\r\n--b1--\r\n"),
    ]);
    assert.deepEqual(read(body, 'multipart/form-data; boundary="b1"'), {
      user: "Ana",
      scan: {
        filename: "a.png",
        content_type: "image/png",
        bytes: 8,
        sha256: createHash("sha256").update(file).digest("hex"),
      },
    });
    assert.deepEqual(read("no form at all", "multipart/form-data; boundary=b1"), { $binary: 14 });
    const many = `${'--b1\r\ncontent-disposition: form-data; name="a"\r\n\r\nb\r\n'.repeat(300)}--b1--\r\n`;
    assert.deepEqual(read(many, "multipart/form-data; boundary=b1"), {
      a: Array.from({ length: 200 }, () => "b"),
      $clipped: "multipart",
      $length: many.length,
    });
  });

  it("is read through gzip, deflate and brotli, within bounds", () => {
    const json = Buffer.from('{"ok":true}');
    assert.deepEqual(read(gzipSync(json), JSON_TYPE, "gzip"), { ok: true });
    assert.deepEqual(read(deflateSync(json), JSON_TYPE, "deflate"), { ok: true });
    assert.deepEqual(read(brotliCompressSync(json), JSON_TYPE, "BR"), { ok: true });
    const bomb = gzipSync(Buffer.alloc(20_000_000));
    assert.deepEqual(read(bomb, JSON_TYPE, "gzip"), { $binary: bomb.byteLength, $encoding: "gzip" });
    assert.deepEqual(read("no gzip", JSON_TYPE, "gzip"), { $binary: 7, $encoding: "gzip" });
    assert.deepEqual(read("?", JSON_TYPE, "gzip, br"), { $binary: 1, $encoding: "gzip, br" });
  });

  it("is a text in the text's own charset", () => {
    assert.equal(read("grüezi", "text/plain"), "grüezi");
    assert.equal(read(Buffer.from("grüezi", "latin1"), "text/html; charset=ISO-8859-1"), "grüezi");
    assert.equal(read("<a/>", "application/soap+xml"), "<a/>");
    assert.equal(read("x", "text/plain; charset=no-such"), "x");
  });

  it("says how many bytes there were of anything else", () => {
    assert.deepEqual(read(Buffer.alloc(5120), "image/png"), { $binary: 5120 });
    assert.deepEqual(read(Buffer.from([0, 255]), ""), { $binary: 2 });
    assert.deepEqual(read('{"a":1}', ""), { a: 1 });
    assert.equal(read("plain", ""), "plain");
  });

  it("says what was cut off, and that there was none", () => {
    const cut = { chunks: [Buffer.from('{"a":')], bytes: 48_213, truncated: true };
    assert.deepEqual(bodyOf(cut, JSON_TYPE, ""), { $clipped: "json", length: 48_213 });
    assert.deepEqual(bodyOf(cut, "video/mp4", ""), { $clipped: "binary", length: 48_213 });
    assert.equal(bodyOf(null, JSON_TYPE, ""), null);
    const text = { name: "a", filename: null, contentType: null, sha256: null, truncated: false };
    const form = { chunks: [], bytes: 90_000, truncated: true, parts: [{ ...text, bytes: 1, value: "b" }] };
    assert.deepEqual(bodyOf(form, "multipart/form-data; boundary=b1", ""), {
      a: "b",
      $clipped: "multipart",
      $length: 90_000,
    });
    assert.deepEqual(bodyOf({ ...form, truncated: false }, "", ""), { a: "b" });
    assert.equal(read("", JSON_TYPE), null);
  });

  it("is put together from its pieces", () => {
    const bytes = Buffer.from('{"name":"Zoë"}');
    const chunks = [...bytes].map((byte) => Uint8Array.of(byte));
    assert.deepEqual(bodyOf({ chunks, bytes: bytes.byteLength, truncated: false }, JSON_TYPE, ""), {
      name: "Zoë",
    });
  });

  it("that a capture has as a text is an object if its type says so, or nothing else", () => {
    assert.deepEqual(bodyOfText('{"a":1}', JSON_TYPE), { a: 1 });
    assert.deepEqual(bodyOfText("a=1", "application/x-www-form-urlencoded"), { a: "1" });
    assert.deepEqual(bodyOfText('{"a":1}', "application/x-www-form-urlencoded"), { a: 1 });
    assert.deepEqual(bodyOfText(" [1]", ""), [1]);
    assert.equal(bodyOfText('{"a":1}', "text/plain"), '{"a":1}');
    assert.equal(bodyOfText("{a=1", ""), "{a=1");
  });
});
