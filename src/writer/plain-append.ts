/**
 * Lines that the calling thread writes itself, into a file that is not sealed.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import { guarded } from "../health.js";
import type { LogFile } from "./file.js";

export class PlainAppend {
  /** The file will be looked at. */
  #settles = false;

  constructor(private readonly file: LogFile) {}

  /** @param exiting - there may be no later moment to look at the file */
  append(line: Buffer, exiting: boolean): void {
    this.file.prepare(line);
    this.file.writeLine(line);
    if (exiting) this.file.settle();
    else if (!this.#settles) setImmediate(() => this.settle()).unref();
    this.#settles = !exiting;
  }

  /** Looks at the file: when the call has returned, and what the application asks for next is under way; or now. */
  settle(): void {
    this.#settles = false;
    guarded("writer.disk", () => this.file.settle());
  }
}
