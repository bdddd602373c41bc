/**
 * Takes committed rows from the outbox table, hands their records to the log, and deletes them when they stand
 * on file: at least once, and once as long as neither this process nor the database goes down in between.
 *
 * @module
 */
import { fault } from "../../../health.js";
import { timeLimit, within } from "../../../within.js";
import type { OutboxRow, OutboxStore } from "./store.js";

/** What became of all that was handed to the log: on file, still waiting, or some of it dropped for want of room. */
export type Settled = "written" | "waiting" | "dropped";

export interface RelayOptions {
  readonly emit: (line: string) => void;
  readonly settled: (timeoutMs: number) => Promise<Settled>;
  /** Resolves when the table is there. */
  readonly ready: () => Promise<void>;
}

/** How often to look without being told: another process may have died and left rows behind. */
const IDLE_MS = 2000;
const BACK_OFF_MS = [100, 500, 2000, 10_000];
/** How long a batch may wait for its file while the table's lock is held. */
const SETTLE_MS = 2000;
/** Longest end: handing on what is there, and closing the connection. */
const STOP_MS = 5000;

/** How a run ended: nothing is left to do, the file is awaited, or the database or the log did not work. */
type Ended = "done" | "waiting" | "failed";

export class Relay {
  readonly #store: OutboxStore;
  readonly #options: RelayOptions;
  /** Handed to the log, and not yet deleted: their records are not handed over again. */
  readonly #emitted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;
  #again = false;
  #failures = 0;
  #last: Ended = "done";
  #stopping = false;
  /** Completed looks at the table that found it empty. */
  #emptied = 0;

  constructor(store: OutboxStore, options: RelayOptions) {
    this.#store = store;
    this.#options = options;
  }

  /** There may be rows. */
  poke(): void {
    if (this.#running) this.#again = true;
    // While the database or the file is away, the back-off decides.
    else if (this.#failures === 0) this.#run();
  }

  /** Resolves when, after `first`, the table was found empty once more; false if that takes too long. */
  drain(timeoutMs: number, first: () => Promise<void>): Promise<boolean> {
    return within(
      timeoutMs,
      async (late) => {
        await first();
        return this.#drain(late, false);
      },
      false,
    );
  }

  /** Hands on what is not in the table. The intent that is there in its stead is deleted when that is on file. */
  handOn(rows: readonly OutboxRow[], intent: string | null): void {
    try {
      this.#tell(rows);
      for (const { id } of rows) this.#emitted.delete(id);
      if (intent !== null) this.#emitted.add(intent);
    } catch (error) {
      fault("outbox.relay", error);
    }
  }

  async #drain(late: () => boolean, givesUp: boolean): Promise<boolean> {
    await this.#running;
    const seen = this.#emptied;
    for (;;) {
      this.#run();
      await this.#running;
      if (this.#emptied !== seen) return true;
      // Without its database there is no more to be done here.
      if (late() || (givesUp && this.#last === "failed")) return false;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    if (this.#stopping) return;
    if (this.#store.takeNow) {
      this.#stopping = true;
      clearTimeout(this.#timer);
      this.#store.takeNow((rows) => this.#tell(rows));
      return;
    }
    const left = timeLimit(STOP_MS);
    await within(left(), (late) => this.#drain(late, true), false);
    this.#stopping = true;
    clearTimeout(this.#timer);
    const close = async (): Promise<void> => {
      await this.#running;
      await this.#store.close();
    };
    await within(left(), close, undefined);
  }

  #run(): void {
    if (this.#stopping || this.#running) return;
    clearTimeout(this.#timer);
    this.#again = false;
    this.#running = this.#cycle().then((last) => {
      this.#running = null;
      this.#last = last;
      this.#failures = last === "done" ? 0 : this.#failures + 1;
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#stopping) return;
    if (this.#failures === 0 && this.#again) return this.#run();
    const wait = this.#failures === 0 ? IDLE_MS : (BACK_OFF_MS[this.#failures - 1] ?? BACK_OFF_MS.at(-1)!);
    this.#timer = setTimeout(() => this.#run(), wait);
    this.#timer.unref();
  }

  /** Until the table is empty, or another process is at it. */
  async #cycle(): Promise<Ended> {
    try {
      await this.#options.ready();
      for (;;) {
        let deleted: readonly string[] = [];
        const found = await this.#store.take(async (rows) => (deleted = await this.#handOver(rows)));
        for (const id of deleted) this.#emitted.delete(id);
        if (found === 0) this.#emptied += 1;
        if (!found) return "done";
        if (deleted.length === 0) {
          fault("outbox.relay", new Error("Records of the outbox are not on file yet."));
          return "waiting";
        }
      }
    } catch (error) {
      fault("outbox.relay", error);
      return "failed";
    }
  }

  /** The ids of the rows whose records are on file: all, or none. */
  async #handOver(rows: readonly OutboxRow[]): Promise<readonly string[]> {
    if (rows.length === 0) return [];
    const ids = this.#tell(rows);
    const settled = await this.#options.settled(SETTLE_MS);
    if (settled === "dropped") this.#emitted.clear();
    return settled === "written" ? ids : [];
  }

  #tell(rows: readonly OutboxRow[]): readonly string[] {
    for (const { id, records } of rows) {
      if (this.#emitted.has(id)) continue;
      for (const line of records.split("\n")) this.#options.emit(line);
      this.#emitted.add(id);
    }
    return rows.map(({ id }) => id);
  }
}
