/**
 * Makes lines of frames, in whatever thread: the line that the same record or request would have had at once.
 *
 * A frame is only read in memory of the process that made it, so it has no version.
 *
 * @module
 */
import { RequestDraft } from "./draft.js";
import { encodeLine, printable, UNREADABLE } from "./encode.js";
import { RECORD_FRAME, unpackRecord } from "./record-frame.js";
import { REQUEST_FRAME, unpackRequest } from "./request-frame.js";
import { createRedactor, type RedactionPolicy, type Redactor } from "./redactor.js";

/** All that a line depends on besides its frame; can be sent to another thread. */
export type FormatSettings = RedactionPolicy;

/** By the redaction policy that held when it was packed. */
export class Formatter {
  readonly #redactor: Redactor;

  constructor(policy: FormatSettings) {
    this.#redactor = createRedactor(policy);
  }

  /**
   * The line of a frame, without its line break. The same for the same frame, at any time and in any thread: who takes
   * over from a thread that died while it wrote compares lines.
   *
   * @param frame - bytes that nobody else changes
   */
  line(frame: Buffer): string {
    try {
      const line = frame[0] === REQUEST_FRAME ? this.#request(frame) : this.#record(frame);
      return Buffer.byteLength(line) === line.length ? line : printable(line);
    } catch {
      // Only of a frame that was overwritten while it was read, whose reader has lost the right to write it by then.
      return UNREADABLE;
    }
  }

  #request(frame: Buffer): string {
    const { event, serviceName } = unpackRequest(frame);
    return new RequestDraft(event, { recordId: event.recordId, serviceName }, {}).line(this.#redactor);
  }

  #record(frame: Buffer): string {
    if (frame[0] !== RECORD_FRAME) throw new RangeError("no frame");
    return this.#redactor.packed.line(frame) ?? encodeLine(unpackRecord(frame), this.#redactor);
  }
}
