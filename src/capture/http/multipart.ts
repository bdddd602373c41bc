/**
 * Reads a multipart form as it passes: names, sizes and a SHA-256 of each file, whatever its size, without
 * keeping the file.
 *
 * Nothing is held but the unfinished end of a chunk, the values of fields up to a limit, and running hashes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7578
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import type { CapturedPart } from "../event.js";

/** More parts than this are not listed; the record says that there are more. */
const MAX_PARTS = 1000;
/** A part's head beyond this is not a browser's; the rest of the body is not read. */
const MAX_HEAD_BYTES = 16 * 1024;

const END_OF_HEAD = Buffer.from("\r\n\r\n");

interface OpenPart {
  readonly name: string;
  readonly filename: string | null;
  readonly contentType: string | null;
  readonly hash: Hash | null;
  readonly kept: Buffer[];
  bytes: number;
  keptBytes: number;
  /** How much of the line end between head and content is still to be passed over. */
  lineEnd: number;
}

export class MultipartReader {
  readonly #delimiter: Buffer;
  readonly #limit: number;
  readonly #parts: CapturedPart[] = [];
  #state: "between" | "head" | "content" | "done" = "between";
  /** Begins as if a line had ended, so that the first delimiter looks like the others. */
  #rest: Buffer = Buffer.from("\r\n");
  #open: OpenPart | null = null;
  #keptBytes = 0;
  #gaveUp = false;

  /**
   * @param boundary - as the content type says it
   * @param limit - how much of the fields' values is kept, all together, in bytes
   */
  constructor(boundary: string, limit: number) {
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
    this.#limit = limit;
  }

  read(chunk: Uint8Array): void {
    if (this.#state === "done") return;
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let left: Buffer | null = this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    while (left !== null) left = this.#step(left);
  }

  /** False where there was more than is read, or no form at all. */
  get whole(): boolean {
    return !this.#gaveUp && this.#state !== "between";
  }

  /** What was read so far; a part that did not end is told as truncated. */
  parts(): readonly CapturedPart[] {
    this.#close(false);
    return this.#parts;
  }

  /** Reads one thing; gives what is left to read, or `null` when more must come. */
  #step(bytes: Buffer): Buffer | null {
    if (this.#state === "head") return this.#readHead(bytes);
    return this.#readToDelimiter(bytes);
  }

  #readToDelimiter(bytes: Buffer): Buffer | null {
    const at = bytes.indexOf(this.#delimiter);
    if (at < 0) {
      // The delimiter may have begun at the end of this chunk.
      const sure = Math.max(0, bytes.length - this.#delimiter.length + 1);
      this.#pass(bytes.subarray(0, sure));
      this.#rest = Buffer.from(bytes.subarray(sure));
      return null;
    }
    this.#pass(bytes.subarray(0, at));
    this.#close(true);
    this.#state = "head";
    return bytes.subarray(at + this.#delimiter.length);
  }

  #readHead(bytes: Buffer): Buffer | null {
    if (bytes.length >= 2 && bytes[0] === 0x2d && bytes[1] === 0x2d) return this.#stop();
    const end = bytes.indexOf(END_OF_HEAD);
    if (end < 0) {
      if (bytes.length > MAX_HEAD_BYTES) return this.#giveUp();
      this.#rest = Buffer.from(bytes);
      return null;
    }
    if (this.#parts.length >= MAX_PARTS) return this.#giveUp();
    this.#open = this.#begin(bytes.toString("utf8", 0, end));
    this.#state = "content";
    // The delimiter of an empty part begins with the end of its head.
    return bytes.subarray(end + 2);
  }

  #stop(): null {
    this.#state = "done";
    this.#rest = Buffer.alloc(0);
    return null;
  }

  #giveUp(): null {
    this.#gaveUp = true;
    return this.#stop();
  }

  #begin(head: string): OpenPart {
    const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? "";
    const filename = parameter(disposition, "filename");
    return {
      name: parameter(disposition, "name") ?? "",
      filename,
      contentType: /^content-type:(.*)$/im.exec(head)?.[1]?.trim() ?? null,
      hash: filename === null ? null : createHash("sha256"),
      kept: [],
      bytes: 0,
      keptBytes: 0,
      lineEnd: 2,
    };
  }

  #pass(passed: Buffer): void {
    const part = this.#open;
    if (part === null || passed.length === 0) return;
    const content = passed.subarray(Math.min(part.lineEnd, passed.length));
    part.lineEnd -= passed.length - content.length;
    part.bytes += content.length;
    if (part.hash) {
      part.hash.update(content);
      return;
    }
    const room = this.#limit - this.#keptBytes;
    if (room <= 0) return;
    const kept = Buffer.from(content.subarray(0, room));
    part.kept.push(kept);
    part.keptBytes += kept.length;
    this.#keptBytes += kept.length;
  }

  #close(whole: boolean): void {
    const part = this.#open;
    if (part === null) return;
    this.#open = null;
    this.#parts.push({
      name: part.name,
      filename: part.filename,
      contentType: part.contentType,
      bytes: part.bytes,
      sha256: part.hash && whole ? part.hash.digest("hex") : null,
      value: part.hash ? null : Buffer.concat(part.kept).toString("utf8"),
      truncated: !whole || (part.hash === null && part.keptBytes < part.bytes),
    });
  }
}

/** The boundary of a multipart form's content type; `null` for anything else. */
export function multipartBoundary(contentType: string | undefined): string | null {
  if (contentType === undefined || !/^multipart\/form-data\s*;/i.test(contentType)) return null;
  const match = /;\s*boundary=(?:"([^"]+)"|([^\s;]+))/i.exec(contentType);
  return match?.[1] ?? match?.[2] ?? null;
}

/** A parameter of a content disposition; browsers write `%22` for a quote within. */
function parameter(disposition: string, name: string): string | null {
  const extended = new RegExp(`[;\\s]${name}\\*=utf-8''([^;\\s]+)`, "i").exec(disposition)?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      // Not as RFC 8187 has it; the plain parameter, if there is one, is as good.
    }
  }
  const plain = new RegExp(`[;\\s]${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]+))`, "i").exec(disposition);
  const value = plain?.[1] ?? plain?.[2];
  return value === undefined ? null : value.replace(/\\(["\\])/g, "$1").replace(/%22/g, '"');
}
