/**
 * Makes lines of frames, in whatever thread: the same line that `RequestDraft` makes of the same request at once.
 *
 * @module
 */
import { RequestDraft } from "./draft.js";
import { printable, UNREADABLE } from "./encode.js";
import { unpackRequest } from "./frame.js";
import { createRedactor, type RedactionPolicy, type Redactor } from "./redactor.js";

/** All that a line depends on besides its frame; can be sent to another thread. */
export type FormatSettings = RedactionPolicy;

/** By the redaction policy that held when the request was packed. */
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
      const { event, serviceName } = unpackRequest(frame);
      const draft = new RequestDraft(event, { recordId: event.recordId, serviceName }, {});
      const line = draft.line(this.#redactor);
      return Buffer.byteLength(line) === line.length ? line : printable(line);
    } catch {
      // Only of a frame that was overwritten while it was read, whose reader has lost the right to write it by then.
      return UNREADABLE;
    }
  }
}
