/**
 * The viewer's questions by their path, each answered as JSON.
 *
 * @module
 */
import type { TrailStore } from "../read/sql/store.js";
import { parseRecord, type LogRecord } from "../read/records.js";
import { causalTree, walk } from "../read/tree.js";
import type { RecordFilter } from "../read/filter.js";
import { cursorOf, filterOf, limitOf } from "./asked.js";
import { MOST_OF_A_STORY } from "./fields.js";
import { actors, choices, density, latency, line, page } from "./questions.js";

export interface Question {
  readonly answer: (store: TrailStore, query: URLSearchParams) => Promise<unknown>;
  /** Somebody looks at what was recorded of one person, row or request; the others only show how much there is. */
  readonly isLook: boolean;
}

const overFilter =
  (answer: (store: TrailStore, filter: RecordFilter) => Promise<unknown>) =>
  (store: TrailStore, query: URLSearchParams): Promise<unknown> =>
    answer(store, filterOf(query, Date.now()));

export const questions: Readonly<Record<string, Question>> = {
  "/api/density": { answer: overFilter(density), isLook: false },
  "/api/latency": { answer: overFilter(latency), isLook: false },
  "/api/actors": { answer: overFilter(actors), isLook: false },
  "/api/choices": { answer: (store) => choices(store), isLook: false },
  "/api/records": {
    answer: (store, query) => page(store, filterOf(query, Date.now()), cursorOf(query), limitOf(query)),
    isLook: false,
  },
  "/api/record": { answer: record, isLook: true },
  "/api/story": { answer: story, isLook: true },
  "/api/history": { answer: history, isLook: true },
};

/** The record, and its line as it stands in the file: a browser's numbers are not exact beyond 2^53. */
async function record(store: TrailStore, query: URLSearchParams): Promise<unknown> {
  const text = await line(store, query.get("id") ?? "");
  return text === undefined ? null : { line: text, record: parseRecord(text) };
}

/** What one request caused, each record under the one that caused it. */
async function story(store: TrailStore, query: URLSearchParams): Promise<unknown> {
  const records = await collect(store, { request: [query.get("request") ?? ""] });
  const steps = [...walk(causalTree(records))];
  return steps.map(({ node: { record: of, from, to }, lasts }) => ({
    depth: lasts.length,
    from,
    to,
    record: of,
  }));
}

/** What became of one row lately, the oldest first. */
async function history(store: TrailStore, query: URLSearchParams): Promise<LogRecord[]> {
  const [model, id] = [query.get("model") ?? "", query.get("id") ?? ""];
  const newest = await collect(store, { name: ["audit.crud"], model: [model], id: [id] }, true);
  return newest.toReversed();
}

async function collect(store: TrailStore, filter: RecordFilter, newestFirst = false): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const asked = { filter, newestFirst, limit: MOST_OF_A_STORY };
  for await (const some of store.records(asked)) records.push(...some);
  return records;
}
