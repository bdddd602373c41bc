/**
 * What was dropped, until it can be told in a line of its own: never silence.
 *
 * @module
 */

/** Dropped lines that follow one another. */
export interface GapReport {
  /** When the first and the last was dropped, in milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
  /** Why the first was. */
  readonly why: string;
}

/** How often it is tried to tell of a gap while nothing else is logged. */
const TELL_EVERY_MS = 250;

export class Gap {
  #report: GapReport | undefined;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param ready - whether lines get through again, so that what is dropped next would be another gap
   * @param write - takes the report; false when there is still no room for it
   */
  constructor(
    private readonly ready: () => boolean,
    private readonly write: (report: GapReport) => boolean,
  ) {}

  get open(): boolean {
    return this.#report !== undefined;
  }

  /** Lines that no line tells of yet. */
  get count(): number {
    return this.#report?.count ?? 0;
  }

  add(why: string): void {
    const now = Date.now();
    const before = this.#report ?? { from: now, count: 0, why };
    this.#report = { ...before, to: now, count: before.count + 1 };
    this.#timer ??= setInterval(() => this.tell(), TELL_EVERY_MS).unref();
  }

  /** @param last - there is no later moment to wait for */
  tell(last = false): void {
    const report = this.#report;
    if (!report || !(last || this.ready())) return;
    // Closed before it is written, so that the line about the gap is not held up by the gap.
    this.#report = undefined;
    if (this.write(report)) this.close();
    else this.#report ??= report;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
