/**
 * `multipart/form-data` that has passed whole, as fields: texts as they are, files by name, size and SHA-256.
 *
 * busboy and its kin parse streams, with events; here the bytes are all there, bounded, and the answer is
 * needed at once, so a search for the boundary is all that is left of the task (RFC 7578, RFC 2046 §5.1).
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { CapturedPart } from "../capture/event.js";
import { addField } from "./http.js";
import { clipped } from "./markers.js";

const MAX_PARTS = 200;

/** `null` if it is not what its content type says. */
export function multipartFields(body: Buffer, contentType: string): Record<string, unknown> | null {
  const boundary = /boundary=(?:"([^"]{1,70})"|([^\s;,]{1,70}))/iu.exec(contentType);
  if (!boundary) return null;
  const delimiter = Buffer.from(`--${boundary[1] ?? boundary[2]}`, "latin1");
  let start = body.indexOf(delimiter);
  if (start === -1) return null;

  const fields: Record<string, unknown> = {};
  for (let parts = 0; ; parts += 1) {
    start += delimiter.length;
    const end = body.indexOf(delimiter, start);
    if (end === -1) break;
    if (parts === MAX_PARTS) {
      clip(fields, body.length);
      break;
    }
    // Between two delimiters: CRLF, the part, CRLF.
    addPart(fields, body.subarray(start + 2, end - 2));
    start = end;
  }
  return fields;
}

/**
 * Parts that were read as they passed, whatever their size, in the same form.
 *
 * @param clippedFrom - the bytes of the whole form, where it has more than these
 */
export function partFields(
  parts: readonly CapturedPart[],
  clippedFrom: number | null,
): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const { name, filename, contentType, bytes, sha256, value, truncated } of parts) {
    const file = { filename, content_type: contentType, bytes, sha256 };
    if (filename !== null) addField(fields, name, truncated ? { ...file, truncated } : file);
    else addField(fields, name, truncated ? clipped("text", bytes) : value);
  }
  if (clippedFrom !== null) clip(fields, clippedFrom);
  return fields;
}

function clip(fields: Record<string, unknown>, bytes: number): void {
  fields["$clipped"] = "multipart";
  fields["$length"] = bytes;
}

function addPart(fields: Record<string, unknown>, part: Buffer): void {
  const gap = part.indexOf("\r\n\r\n");
  if (gap === -1) return;
  const head = part.subarray(0, gap).toString("utf8");
  const content = part.subarray(gap + 4);
  const name = parameter(head, "name");
  if (name === undefined) return;
  const filename = parameter(head, "filename");
  if (filename === undefined) {
    addField(fields, name, content.toString("utf8"));
    return;
  }
  addField(fields, name, {
    filename,
    content_type: /^content-type:[ \t]*([^\r\n;]+)/imu.exec(head)?.[1]?.trim() ?? null,
    bytes: content.byteLength,
    sha256: createHash("sha256").update(content).digest("hex"),
  });
}

function parameter(head: string, name: string): string | undefined {
  return new RegExp(`[;\\s]${name}="([^"\\r\\n]*)"`, "iu").exec(head)?.[1];
}
