/**
 * What a trail says in numbers. Computed here from records, and in `sql/stats.ts` by DuckDB: the same figures.
 *
 * @module
 */
import { facts } from "./facts.js";
import type { LogRecord } from "./records.js";

export interface Count {
  readonly records: number;
  /** Those with the outcome `failure`. */
  readonly failures: number;
}

/** Seconds; each is a time that was measured (the nearest rank), not one between two; `null` where none was. */
export interface Latency {
  readonly p50: number | null;
  readonly p95: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

export interface Stats extends Count {
  /** First and last `timestamp`; `null` where there is no record. */
  readonly from: string | null;
  readonly to: string | null;
  readonly outcomes: readonly { outcome: string; records: number }[];
  readonly kinds: readonly ({ name: string; kind: string | null } & Count)[];
  readonly actors: readonly ({ user: string; name: string | null } & Count)[];
  /** Requests that came in. */
  readonly routes: readonly ({ method: string | null; route: string | null } & Count & Latency)[];
  /** Calls that went out. */
  readonly services: readonly ({ service: string; protocol: string | null } & Count & Latency)[];
}

export const QUANTILES = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

class Group {
  records = 0;
  failures = 0;
  readonly times: number[] = [];

  constructor(readonly key: readonly (string | null)[]) {}

  add(record: LogRecord, time?: number): void {
    this.records += 1;
    if (record.outcome === "failure") this.failures += 1;
    if (time !== undefined) this.times.push(time);
  }

  get count(): Count {
    return { records: this.records, failures: this.failures };
  }

  get latency(): Latency {
    const sorted = Float64Array.from(this.times).toSorted();
    const rank = (quantile: number) => sorted[Math.max(0, Math.ceil(quantile * sorted.length) - 1)] ?? null;
    const { p50, p95, p99 } = QUANTILES;
    return { p50: rank(p50), p95: rank(p95), p99: rank(p99), max: sorted.at(-1) ?? null };
  }
}

class Groups {
  readonly #all = new Map<string, Group>();

  at(...key: (string | null | undefined)[]): Group {
    const whole = key.map((part) => part ?? null);
    const id = JSON.stringify(whole);
    let group = this.#all.get(id);
    if (!group) this.#all.set(id, (group = new Group(whole)));
    return group;
  }

  /** The largest first; those of one size by their key. */
  top(most = Infinity): Group[] {
    const byKey = (a: Group, b: Group) => {
      const at = a.key.findIndex((part, index) => part !== b.key[index]);
      const [one, other] = [a.key[at] ?? "", b.key[at] ?? ""];
      return at === -1 ? 0 : one < other ? -1 : 1;
    };
    return [...this.#all.values()].toSorted((a, b) => b.records - a.records || byKey(a, b)).slice(0, most);
  }
}

/**
 * Counts, error rates, actors and latencies.
 *
 * @param top - so many of each list
 */
export async function statsOf(batches: AsyncIterable<LogRecord[]>, top: number): Promise<Stats> {
  const all = new Group([]);
  const groups = {
    outcomes: new Groups(),
    kinds: new Groups(),
    actors: new Groups(),
    routes: new Groups(),
    services: new Groups(),
  };
  const names = new Map<string, string | null>();
  let from: string | null = null;
  let to: string | null = null;
  for await (const records of batches) {
    for (const record of records) {
      all.add(record);
      const { timestamp } = record;
      if (from === null || timestamp < from) from = timestamp;
      if (to === null || timestamp > to) to = timestamp;
      groups.outcomes.at(facts.outcome(record)).add(record);
      groups.kinds.at(record.name, facts.kind(record)).add(record);
      const user = facts.user(record);
      if (user !== undefined) {
        groups.actors.at(user).add(record);
        const name = facts.userName(record);
        if (name !== undefined && name > (names.get(user) ?? "")) names.set(user, name);
      }
      if (record.name !== "audit.request") continue;
      const time = facts.duration(record);
      if (facts.kind(record) === "external") {
        groups.services.at(facts.service(record), facts.protocol(record)).add(record, time);
      } else groups.routes.at(facts.method(record), facts.route(record)).add(record, time);
    }
  }
  return {
    ...all.count,
    from,
    to,
    outcomes: groups.outcomes.top().map(({ key, records }) => ({ outcome: key[0] ?? "", records })),
    kinds: groups.kinds.top(top).map(({ key, count }) => ({ name: key[0]!, kind: key[1]!, ...count })),
    actors: groups.actors
      .top(top)
      .map(({ key, count }) => ({ user: key[0]!, name: names.get(key[0]!) ?? null, ...count })),
    routes: groups.routes
      .top(top)
      .map(({ key, count, latency }) => ({ method: key[0]!, route: key[1]!, ...count, ...latency })),
    services: groups.services
      .top(top)
      .map(({ key, count, latency }) => ({ service: key[0] ?? "", protocol: key[1]!, ...count, ...latency })),
  };
}
