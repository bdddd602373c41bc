/**
 * Bytes that passed → the body of a record: an object where it was one, a text, or what else it was.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { types } from "node:util";
import { brotliDecompressSync, gunzipSync, inflateSync } from "node:zlib";
import type { CapturedBody } from "../capture/event.js";
import { formFields } from "./http.js";
import { binary, clipped, type ClippedKind } from "./markers.js";
import { multipartFields, partFields } from "./multipart.js";

/** Compressed bodies up to this many bytes are looked into; decompressing more would hold up the application. */
const MAX_COMPRESSED = 64 * 1024;
/** And up to this many bytes come out: a small body may be a bomb. */
const MAX_DECOMPRESSED = 1024 * 1024;

/** Characters of a text that is tried as JSON though nobody says that it is. */
const MAX_UNTOLD = 65_536;

const DECODERS: Readonly<Record<string, (bytes: Buffer, options: { maxOutputLength: number }) => Buffer>> = {
  gzip: gunzipSync,
  "x-gzip": gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
};

/**
 * The body as it stands in a record.
 *
 * JSON and forms are objects, multipart forms are their fields, texts are texts. What passed beyond the cap is
 * `{"$clipped": kind, "length": bytes}`; what is no text is `{"$binary": bytes}`, and so is what is encoded in a
 * way we do not decode. `null` if there was none.
 */
export function bodyOf(body: CapturedBody | null, contentType: string, contentEncoding: string): unknown {
  if (body === null || body.bytes === 0) return null;
  if (body.parts) return partFields(body.parts, body.truncated ? body.bytes : null);
  if (body.truncated) return clipped(kindOf(contentType), body.bytes);
  const bytes = joined(body.chunks);
  const encoding = contentEncoding.trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return parsedBytes(bytes, contentType);
  const plain = decoded(bytes, encoding);
  return plain ? parsedBytes(plain, contentType) : { ...binary(body.bytes), $encoding: encoding };
}

/**
 * A body that the capture has as a text already: an object if its type says so, or if it is JSON that clients send
 * without saying so.
 */
export function bodyOfText(text: string, contentType: string): unknown {
  const parsed = mayBeJson(text, contentType) ? parsedJson(text) : text;
  return parsed === text && kindOf(contentType) === "form" ? formFields(text) : parsed;
}

/** Whether a text is to be read as JSON, if it can be. */
export function mayBeJson(text: string, contentType: string): boolean {
  const kind = kindOf(contentType);
  return kind === "json" || (kind !== "text" && text.length <= MAX_UNTOLD && /^\s*[[{]/u.test(text));
}

/** Whether a value is a body in bytes, and not a copy of what the application gave. */
export function isCapturedBody(value: unknown): value is CapturedBody {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false;
  const { chunks, bytes, truncated } = value as Partial<CapturedBody>;
  return (
    Array.isArray(chunks) &&
    typeof bytes === "number" &&
    typeof truncated === "boolean" &&
    chunks.every((chunk) => chunk instanceof Uint8Array)
  );
}

/** JSON in UTF-8, by what its header says. */
export function isPlainJson(contentType: string): boolean {
  if (contentType === "application/json" || contentType === "application/json; charset=utf-8") return true;
  return kindOf(contentType) === "json" && /^[^;]*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?$/iu.test(contentType);
}

function kindOf(contentType: string): ClippedKind {
  const type = contentType.slice(0, 200).toLowerCase();
  if (/^[^;]*[/+]json\b/u.test(type)) return "json";
  if (type.startsWith("application/x-www-form-urlencoded")) return "form";
  if (type.startsWith("multipart/form-data")) return "multipart";
  if (/^text\/|^[^;]*[/+](?:xml|javascript|graphql|yaml|x-yaml|toml|sql)\b/u.test(type)) return "text";
  return "binary";
}

export function joined(chunks: readonly Uint8Array[]): Buffer {
  const [first] = chunks;
  if (chunks.length !== 1 || first === undefined) return Buffer.concat(chunks);
  return Buffer.from(first.buffer, first.byteOffset, first.byteLength);
}

function decoded(bytes: Buffer, encoding: string): Buffer | null {
  const decode = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  if (!decode || bytes.byteLength > MAX_COMPRESSED) return null;
  try {
    return decode(bytes, { maxOutputLength: MAX_DECOMPRESSED });
  } catch {
    // Not what the header says, or too much of it.
    return null;
  }
}

function parsedBytes(bytes: Buffer, contentType: string): unknown {
  switch (kindOf(contentType)) {
    case "json":
      return parsedJson(textOf(bytes, contentType));
    case "form":
      return formFields(textOf(bytes, contentType));
    case "multipart":
      return multipartFields(bytes, contentType) ?? binary(bytes.byteLength);
    case "text":
      return textOf(bytes, contentType);
    default:
      return contentType === "" ? untyped(bytes) : binary(bytes.byteLength);
  }
}

/** A body without a content type is text if it reads as such, and JSON if it parses. */
function untyped(bytes: Buffer): unknown {
  if (!isUtf8(bytes) || bytes.includes(0)) return binary(bytes.byteLength);
  const text = bytes.toString("utf8");
  return /^\s*[[{]/u.test(text) ? parsedJson(text) : text;
}

/** Text that says it is JSON and is not stays the text that it was. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function textOf(bytes: Buffer, contentType: string): string {
  const charset = /charset\s*=\s*"?([\w-]{1,40})/iu.exec(contentType)?.[1]?.toLowerCase();
  if (charset === undefined || charset === "utf-8" || charset === "utf8") return bytes.toString("utf8");
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return bytes.toString("utf8");
  }
}
