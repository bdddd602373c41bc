/**
 * What the viewer asks of a trail. Each answer is small, whatever the size of the trail.
 *
 * @module
 */
import type { RecordFilter } from "../read/filter.js";
import type { TrailStore } from "../read/sql/store.js";
import { where } from "../read/sql/where.js";

/** About so many bars stand side by side. */
const BARS = 120;
const STEPS_MS = [
  1, 5, 10, 50, 100, 500, 1000, 5000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000,
  43_200_000, 86_400_000, 604_800_000, 2_592_000_000, 31_536_000_000,
];
/** The most rows of a page. */
const PAGE = 500;
/** Values that are offered to choose from, of each field. */
const CHOICES = 50;

/** What a row of the table shows. */
const ROW = `record_id, timestamp, log, name, level, outcome, service_name, user_id, user_name, entity, entity_id, instance_label,
  what, method, operation, place, route, status, execution_time, request_id, message, error_message`;

type Answer = Record<string, unknown>;

/** The widest bars that were drawn of a trail so far. */
const widest = new WeakMap<TrailStore, number>();

/**
 * How many records there are over time, and how they ended.
 *
 * How wide a bar is depends on the first and the last record. That they are those of the whole trail is a good guess, which
 * spares looking for them first: then one look is enough.
 */
export async function density(store: TrailStore, filter: RecordFilter): Promise<Answer> {
  const isOfAllTimes = filter.since === undefined && filter.until === undefined;
  const guess = isOfAllTimes ? widest.get(store) : undefined;
  const guessed = guess === undefined ? undefined : await barsOf(store, filter, guess);
  const span = guessed ? spanOf(guessed) : await foundSpan(store, filter);
  const { first, last } = span;
  if (first === null || last === null) return { ...span, step: 0, bars: [] };
  const step = STEPS_MS.find((one) => (last - first) / one <= BARS) ?? STEPS_MS.at(-1)!;
  widest.set(store, Math.max(step, widest.get(store) ?? 0));
  const bars = guessed && guess === step ? guessed : await barsOf(store, filter, step);
  return {
    ...span,
    step,
    bars: bars.flatMap(({ at, count, failed, other }) => (at === null ? [] : [{ at, count, failed, other }])),
  };
}

interface Span {
  /** Milliseconds since the epoch. */
  readonly first: number | null;
  readonly last: number | null;
  readonly count: number;
  readonly not_ok: number;
}

interface Bar extends Span {
  /** Where it begins; null for records whose time is none. */
  readonly at: number | null;
  readonly failed: number;
  readonly other: number;
}

const SPAN = `epoch_ms(min(time)) AS first, epoch_ms(max(time)) AS last, count(*) AS count,
  count(*) FILTER (outcome <> 'success') AS not_ok`;

async function foundSpan(store: TrailStore, filter: RecordFilter): Promise<Span> {
  const { sql, values } = where(filter);
  const [span] = await store.ask(`SELECT ${SPAN} FROM records WHERE ${sql}`, values);
  return span as unknown as Span;
}

function spanOf(bars: readonly Bar[]): Span {
  const timed = bars.filter(({ at }) => at !== null);
  return {
    first: timed[0]?.first ?? null,
    last: timed.at(-1)?.last ?? null,
    count: bars.reduce((sum, { count }) => sum + count, 0),
    not_ok: bars.reduce((sum, { not_ok }) => sum + not_ok, 0),
  };
}

/** Of `step` milliseconds each, in the order of time; those without a record are left out. */
async function barsOf(store: TrailStore, filter: RecordFilter, step: number): Promise<Bar[]> {
  const { sql, values } = where(filter);
  const bars = await store.ask(
    `SELECT epoch_ms(time) // ${step} * ${step} AS at, ${SPAN},
       count(*) FILTER (outcome = 'failure') AS failed,
       count(*) FILTER (outcome IN ('denied', 'aborted', 'unknown')) AS other
     FROM records WHERE ${sql} GROUP BY 1 ORDER BY 1`,
    values,
  );
  return bars as unknown as Bar[];
}

/** A place in the order of the table: what comes before it, newest first. */
export interface Cursor {
  readonly timestamp: string;
  readonly recordId: string;
}

/**
 * A page of the table, newest first.
 *
 * In two steps: the moment where the page ends is found by its times alone, and only what is newer is read whole. A third of
 * the cost of one step, at 1,000,000 records (`npm run bench -- viewer`).
 */
export async function page(
  store: TrailStore,
  filter: RecordFilter,
  before: Cursor | undefined,
  limit: number,
): Promise<Answer[]> {
  const most = Math.min(limit, PAGE);
  const asked = where(filter);
  const values = before ? [...asked.values, before.timestamp, before.recordId] : asked.values;
  const [at, id] = [asked.values.length + 1, asked.values.length + 2];
  const older = `(timestamp < $${at} OR timestamp = $${at} AND coalesce(record_id, '') < $${id})`;
  const sql = before ? `${asked.sql} AND ${older}` : asked.sql;
  // To search a text costs more than to read what was found.
  const [last] =
    filter.text !== undefined
      ? []
      : await store.ask(
          `SELECT timestamp FROM records WHERE ${sql} ORDER BY timestamp DESC LIMIT 1 OFFSET ${most - 1}`,
          values,
        );
  const since = last ? `AND timestamp >= $${values.length + 1}` : "";
  return store.ask(
    `SELECT ${ROW} FROM records WHERE ${sql} ${since}
     ORDER BY timestamp DESC, coalesce(record_id, '') DESC LIMIT ${most}`,
    last ? [...values, last["timestamp"] as string] : values,
  );
}

/** One record, as its line stands in the file. */
export async function line(store: TrailStore, recordId: string): Promise<string | undefined> {
  const [row] = await store.ask("SELECT record FROM records WHERE record_id = $1 LIMIT 1", [recordId]);
  return row?.["record"] as string | undefined;
}

/** The values to choose from, the most frequent first. */
export async function choices(store: TrailStore): Promise<Answer> {
  const fields = {
    name: "name",
    outcome: "outcome",
    service: "service_name",
    model: "entity",
    event: "what",
    log: "log",
  };
  const answer: Answer = {};
  for (const [field, column] of Object.entries(fields)) {
    answer[field] = await store.ask(
      `SELECT ${column} AS value, count(*) AS count FROM records WHERE ${column} IS NOT NULL
       GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ${CHOICES}`,
    );
  }
  return answer;
}

/** How long requests take, by route, and calls, by service: the busiest first. */
export function latency(store: TrailStore, filter: RecordFilter): Promise<Answer[]> {
  const { sql, values } = where(filter);
  return store.ask(
    `SELECT request_type AS type, CASE request_type WHEN 'internal' THEN method END AS method,
       CASE request_type WHEN 'internal' THEN coalesce(route, '(no route)') ELSE service_name END AS place,
       count(*) AS count, count(*) FILTER (outcome = 'failure') AS failed,
       quantile_cont(execution_time, 0.5) AS p50, quantile_cont(execution_time, 0.95) AS p95,
       quantile_cont(execution_time, 0.99) AS p99
     FROM records WHERE ${sql} AND request_type IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 4 DESC, 3 LIMIT 50`,
    values,
  );
}

/** Who did most. */
export function actors(store: TrailStore, filter: RecordFilter): Promise<Answer[]> {
  const { sql, values } = where(filter);
  return store.ask(
    `SELECT user_id, any_value(user_name) AS user_name, count(*) AS count,
       count(*) FILTER (name = 'audit.crud') AS changes, count(*) FILTER (outcome IN ('failure', 'denied')) AS not_ok,
       max(timestamp) AS last
     FROM records WHERE ${sql} AND user_id IS NOT NULL GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 50`,
    values,
  );
}
