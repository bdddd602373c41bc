/**
 * The trail as the viewer asks it: opened once, with what is written taken in as time goes on.
 *
 * @module
 */
import { findFiles, type TrailFile } from "../read/files.js";
import { TrailStore } from "../read/sql/store.js";

/** How often the files are looked at while somebody watches. */
const LOOK_MS = 2000;

export class LiveTrail {
  #store: TrailStore | undefined;
  #seen = "";
  #looking: Promise<TrailStore> | undefined;
  #lookedAt = 0;
  #timer: NodeJS.Timeout | undefined;
  readonly #watchers = new Set<() => void>();

  constructor(private readonly directory: string) {}

  /** Asks the trail as it is now; what was written in the last two seconds may be missing. */
  async use<Answer>(question: (store: TrailStore) => Promise<Answer>): Promise<Answer> {
    return question(await this.#look());
  }

  /** Calls back when there are new records, until undone. */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    this.#timer ??= setInterval(() => void this.#look().catch(() => {}), LOOK_MS).unref();
    return () => {
      this.#watchers.delete(changed);
      if (this.#watchers.size > 0) return;
      clearInterval(this.#timer);
      this.#timer = undefined;
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking?.catch(() => {});
    const store = this.#store;
    this.#store = undefined;
    this.#seen = "";
    await store?.close();
  }

  /* One look at a time: all who ask meanwhile wait for the same. */
  #look(): Promise<TrailStore> {
    if (this.#looking) return this.#looking;
    if (this.#store && performance.now() - this.#lookedAt < LOOK_MS - 100)
      return Promise.resolve(this.#store);
    this.#looking = this.#lookOnce().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #lookOnce(): Promise<TrailStore> {
    this.#lookedAt = performance.now();
    const files = await findFiles(this.directory);
    const now = stateOf(files);
    const before = this.#store;
    if (!before) this.#store = await TrailStore.open(files);
    else if (now !== this.#seen) await before.refresh(files);
    const isNew = before !== undefined && now !== this.#seen;
    this.#seen = now;
    if (isNew) for (const changed of this.#watchers) changed();
    return this.#store!;
  }
}

function stateOf(files: readonly TrailFile[]): string {
  return files.map(({ identity, size, changedAt }) => `${identity}:${size}:${changedAt}`).join(" ");
}
