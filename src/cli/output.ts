/**
 * Where a command says what it found: the answer on stdout, what it could not read on stderr.
 *
 * @module
 */
import { once } from "node:events";
import pc from "picocolors";
import type { ReadReport, UnreadFile } from "../read/report.js";
import { lineOf, type LogRecord } from "../read/records.js";
import { safe, safeJson, safeLine } from "./safe.js";

const BUFFERED = 1 << 16;

export class Output {
  #waiting = "";

  constructor(readonly json: boolean) {}

  /** One line. `await` it: a reader that is slow, such as a pager, slows the reading. */
  async line(text: string): Promise<void> {
    this.#waiting += `${text}\n`;
    if (this.#waiting.length > BUFFERED) await this.flush();
  }

  /** One object a line, where `--json` was asked for. */
  data(value: unknown): Promise<void> {
    return this.line(safeJson(value));
  }

  /** A record where `--json` was asked for: its line, with the fields of `about` before it where they are given. */
  record(record: LogRecord, about?: object): Promise<void> {
    const line = safeLine(lineOf(record));
    return this.line(about === undefined ? line : `${safeJson(about).slice(0, -1)},"record":${line}}`);
  }

  async flush(): Promise<void> {
    const text = this.#waiting;
    this.#waiting = "";
    if (text !== "" && !process.stdout.write(text)) await once(process.stdout, "drain");
  }

  /** For people, beside the answer. */
  note(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  unread({ path, why }: UnreadFile): void {
    this.note(pc.yellow(`could not be read to its end: ${safe(path)} (${safe(why)})`));
  }

  /** Tells what of the files could not be read. */
  warn({ malformed, badLines, unreadable }: ReadReport): void {
    for (const file of unreadable) this.unread(file);
    if (malformed === 0) return;
    this.note(
      pc.yellow(
        `${malformed} ${malformed === 1 ? "line is no record" : "lines are no records"}${badLines.length > 0 ? ":" : "; --engine js says which"}`,
      ),
    );
    for (const { path, line, why } of badLines.slice(0, 5)) this.note(`  ${safe(path)}:${line} (${why})`);
  }
}
