/**
 * The figures of `stats.ts`, by DuckDB.
 *
 * @module
 */
import type { RecordFilter } from "../filter.js";
import { QUANTILES, type Stats } from "../stats.js";
import type { TrailStore } from "./store.js";
import { where } from "./where.js";

const COUNT = "count(*) AS records, count(*) FILTER (outcome = 'failure') AS failures";
const LATENCY = [
  ...Object.entries(QUANTILES).map(
    ([name, quantile]) => `quantile_disc(execution_time, ${quantile}) AS ${name}`,
  ),
  "max(execution_time) AS max",
].join(", ");

/** @param top - so many of each list */
export async function statsIn(store: TrailStore, filter: RecordFilter, top: number): Promise<Stats> {
  const { sql, values } = where(filter);
  const ask = (what: string, rest: string, and = "true") =>
    store.ask(`SELECT ${what} FROM records WHERE (${sql}) AND ${and} ${rest}`, values);
  /** The largest first; those of one size by their key. */
  const groups = (key: Record<string, string>, what: string, most: string, and?: string) => {
    const columns = Object.entries(key).map(([name, column]) => `${column} AS "${name}"`);
    const sorted = Object.values(key).map((column) => `coalesce(${column}, '')`);
    const by = `GROUP BY ${Object.values(key).join(", ")} ORDER BY records DESC, ${sorted.join(", ")} ${most}`;
    return ask(`${columns.join(", ")}, ${what}`, by, and);
  };
  const some = `LIMIT ${top}`;
  const kind =
    "CASE WHEN name = 'audit.request' THEN request_type ELSE coalesce(event_type, event, action, level) END";
  const isExternal = "coalesce(request_type = 'external', false)";
  const [[all], outcomes, kinds, actors, routes, services] = await Promise.all([
    ask(`${COUNT}, min(timestamp) AS "from", max(timestamp) AS "to"`, ""),
    groups({ outcome: "coalesce(outcome, '')" }, "count(*) AS records", ""),
    groups({ name: "name", kind }, COUNT, some),
    groups({ user: "user_id" }, `max(nullif(user_name, '')) AS name, ${COUNT}`, some, "user_id IS NOT NULL"),
    groups(
      { method: "method", route: "route" },
      `${COUNT}, ${LATENCY}`,
      some,
      `name = 'audit.request' AND NOT ${isExternal}`,
    ),
    groups(
      { service: "coalesce(service_name, '')", protocol: "protocol" },
      `${COUNT}, ${LATENCY}`,
      some,
      `name = 'audit.request' AND ${isExternal}`,
    ),
  ]);
  return { ...all, outcomes, kinds, actors, routes, services } as unknown as Stats;
}
