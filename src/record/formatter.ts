/**
 * Makes lines of frames, in whatever thread: the line that the same record, request or call would have had at once.
 *
 * A frame is only read in memory of the process that made it, so it has no version.
 *
 * @module
 */
import type { HttpCallEvent, RequestEvent } from "../capture/event.js";
import type { Bytes } from "./bytes.js";
import { CALL_FRAME, unpackCall } from "./call-frame.js";
import type { Stamp } from "./common.js";
import { CallDraft, type Draft, RequestDraft } from "./draft.js";
import { encodeLine, UNREADABLE } from "./encode.js";
import { printable } from "./printable.js";
import { RECORD_FRAME, shapeOf, unpackRecord } from "./record-frame.js";
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
   * Adds the line of a frame, without its line break. The same for the same frame, at any time and in any thread: who takes
   * over from a thread that died while it wrote compares lines.
   *
   * @param from - bytes that nobody else changes
   * @returns false for a record of a shape that this thread has not been told of
   */
  write(from: Bytes, start: number, end: number, into: Bytes): boolean {
    const before = into.length;
    try {
      return from.buffer[start] === RECORD_FRAME
        ? this.#record(from, start, end, into)
        : this.#text(this.#message(from.buffer.subarray(start, end)), into);
    } catch {
      // Only of a frame that was overwritten while it was read, whose reader has lost the right to write it by then.
      into.length = before;
      return this.#text(UNREADABLE, into);
    }
  }

  #record(from: Bytes, start: number, end: number, into: Bytes): boolean {
    if (this.#redactor.packed.write(from, start, into)) return true;
    const shape = shapeOf(from.buffer, from.view, start, end);
    if (shape === undefined) return false;
    return this.#text(encodeLine(unpackRecord(from.buffer, from.view, start, shape), this.#redactor), into);
  }

  #message(frame: Buffer): string {
    if (frame[0] === CALL_FRAME) return this.#draft(CallDraft, unpackCall(frame));
    if (frame[0] === REQUEST_FRAME) return this.#draft(RequestDraft, unpackRequest(frame));
    throw new RangeError("no frame");
  }

  #draft<Event extends RequestEvent | HttpCallEvent>(
    Kind: new (event: Event, stamp: Stamp, extra: Readonly<Record<string, unknown>>) => Draft,
    { event, serviceName }: { readonly event: Event; readonly serviceName: string },
  ): string {
    return new Kind(event, { recordId: event.recordId, serviceName }, {}).line(this.#redactor);
  }

  #text(line: string, into: Bytes): true {
    const before = into.length;
    // Only then is it not all ASCII.
    if (into.addText(line) !== line.length) {
      const better = printable(line, into.buffer.subarray(before, into.length));
      if (better !== line) {
        into.length = before;
        into.addText(better);
      }
    }
    return true;
  }
}
