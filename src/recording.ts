/**
 * From event to line: builds the record and hands it to the log. Where clock and ids come in.
 *
 * @module
 */
import { currentContext } from "./context/context.js";
import type { Emit } from "./capture/capture.js";
import type { CallEvent, CaptureEvent, HttpCallEvent } from "./capture/event.js";
import { guarded } from "./health.js";
import { newRecordId } from "./ids.js";
import type { Sink } from "./log/sink.js";
import { buildRecord } from "./record/build.js";
import { decode, encode } from "./record/encode.js";
import type { Redactor } from "./record/redactor.js";
import type { Moment, Stamp } from "./record/common.js";
import { CallDraft, Draft, RequestDraft } from "./record/draft.js";
import {
  buildCustom,
  buildLogin,
  buildTrail,
  type CustomInput,
  type LoginInput,
  type TrailInput,
} from "./record/stated.js";
import type { AuditRecord } from "./record/types.js";
import { customInput, loginInput } from "./stated-input.js";

export interface RecordingOptions {
  readonly serviceName: string;
  /** The application's own fields for every record. */
  readonly extra: Readonly<Record<string, unknown>>;
}

export class Recording {
  readonly #options: RecordingOptions;
  #sink: Sink;
  readonly #redactor: Redactor;
  readonly #hasExtra: boolean;

  constructor(options: RecordingOptions, sink: Sink, redactor: Redactor) {
    this.#options = options;
    this.#sink = sink;
    this.#redactor = redactor;
    this.#hasExtra = Object.keys(options.extra).length > 0;
  }

  /** Records what a capture saw. */
  readonly emit: Emit = (event) => {
    if (event.context?.muted) return;
    guarded("record.build", () => this.#record(event));
  };

  /** The record of what a capture saw, as the line that will be written; `null` if nothing is to be recorded. */
  readonly line = (event: CaptureEvent): string | null => {
    if (event.context?.muted) return null;
    const record = guarded("record.build", () => buildRecord(event, this.#stamp()));
    return record ? encode(this.#complete(record), this.#redactor) : null;
  };

  /** Requests and HTTP calls are many: of them only what is asked for is made. */
  #record(event: CaptureEvent): void {
    if (event.kind === "row") return this.#write(buildRecord(event, this.#stamp()));
    // They bring their own.
    const stamp = { recordId: event.recordId, serviceName: this.#options.serviceName };
    if (event.kind === "request") this.#sink(new RequestDraft(event, stamp, this.#options.extra));
    else if (isHttp(event)) this.#sink(new CallDraft(event, stamp, this.#options.extra));
    else this.#write(buildRecord(event, stamp));
  }

  login(input: LoginInput): void {
    this.#state((moment, stamp) => buildLogin(loginInput(input), moment, stamp));
  }

  custom(input: CustomInput): void {
    this.#state((moment, stamp) => buildCustom(customInput(input), moment, stamp));
  }

  /** What the trail says of itself; written whatever the context says. */
  trail(input: TrailInput): void {
    const moment = { at: Date.now(), context: undefined };
    guarded("record.build", () => this.#write(buildTrail(input, moment, this.#stamp())));
  }

  /**
   * The last thing before the log forgets what the application said of it. A call of a decorated class may end later;
   * its record is redacted here, by the policy under which the call was made.
   */
  end(): void {
    const sink = this.#sink;
    this.#sink = (given) => {
      const record = given instanceof Draft ? given.record() : given;
      sink(decode(encode(record, this.#redactor)) as AuditRecord);
    };
  }

  #state(build: (moment: Moment, stamp: Stamp) => AuditRecord): void {
    const context = currentContext();
    if (context?.muted) return;
    guarded("record.build", () => this.#write(build({ at: Date.now(), context }, this.#stamp())));
  }

  #stamp(): Stamp {
    return { recordId: newRecordId(), serviceName: this.#options.serviceName };
  }

  #write(record: AuditRecord | null): void {
    if (record !== null) this.#sink(this.#complete(record));
  }

  #complete(record: AuditRecord): AuditRecord {
    if (this.#hasExtra) record.extra = { ...this.#options.extra, ...record.extra };
    return record;
  }
}

function isHttp(event: CallEvent): event is HttpCallEvent {
  return event.protocol === "http" || event.protocol === "https";
}
