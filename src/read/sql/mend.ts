/**
 * Lines that DuckDB would not read, made readable.
 *
 * JSON can hold half of a surrogate pair as an escape, and JavaScript writes it so; DuckDB's parser refuses the whole
 * line. Here it becomes U+FFFD, as it would on the way to UTF-8, and as JavaScript reads bytes that are no UTF-8. Files
 * are read for that only once something in them was refused, or where they are small.
 *
 * @module
 */
import { isUtf8 } from "node:buffer";
import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { describeFile } from "../files.js";
import { readLines } from "../lines.js";
import { temporaryIn } from "./temporary.js";

/* In this order: an escaped backslash begins no other escape, and a whole pair is no half. */
const ESCAPES =
  /\\\\|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})/gu;
const HALVES = [Buffer.from("\\ud"), Buffer.from("\\uD")];
const LINE_BREAK = Buffer.from("\n");

/** @returns the path of a mended copy in `folder`, in place of a file there, or `path` itself where there is nothing to mend */
export async function mended(path: string, folder: string): Promise<string> {
  const file = await describeFile(path);
  if (!file || file.gzip) return path;
  let found = false;
  for await (const lines of readLines(file)) {
    if (lines.some(({ bytes }) => mendLine(bytes) !== bytes)) {
      found = true;
      break;
    }
  }
  if (!found) return path;
  const copy = temporaryIn(folder);
  const target = await open(copy, "wx", 0o600);
  try {
    for await (const lines of readLines(file)) {
      await target.write(Buffer.concat(lines.flatMap(({ bytes }) => [mendLine(bytes), LINE_BREAK])));
    }
  } finally {
    await target.close();
  }
  if (dirname(path) === folder) await rm(path);
  return copy;
}

function mendLine(bytes: Buffer): Buffer {
  const isValid = isUtf8(bytes);
  if (isValid && !HALVES.some((half) => bytes.includes(half))) return bytes;
  const line = bytes.toString();
  const whole = line.replaceAll(ESCAPES, (escape, half: string | undefined) => (half ? "\\ufffd" : escape));
  return isValid && whole === line ? bytes : Buffer.from(whole);
}
