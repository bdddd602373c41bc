/**
 * A filter as SQL over `records`: lets through what `matcher` lets through.
 *
 * @module
 */
import type { DuckDBValue } from "@duckdb/node-api";
import { folded } from "../facts.js";
import { statusRange, type RecordFilter } from "../filter.js";

export interface Where {
  readonly sql: string;
  readonly values: DuckDBValue[];
}

const COLUMNS = {
  name: "name",
  user: "user_id",
  model: "entity",
  event: "what",
  outcome: "outcome",
  service: "service_name",
  request: "request_id",
} as const;

/** @param first - the number of the first parameter */
export function where(filter: RecordFilter, first = 1): Where {
  const values: DuckDBValue[] = [];
  const next = (value: DuckDBValue) => `$${first - 1 + values.push(value)}`;
  const terms: string[] = [];
  for (const [field, column] of Object.entries(COLUMNS)) {
    const wanted = filter[field as keyof typeof COLUMNS];
    if (wanted) terms.push(any(wanted, (value) => `${column} = ${next(value)}`));
  }
  if (filter.id) {
    const many = "json_extract(record, '$.instance_ids')";
    terms.push(
      any(filter.id, (value) => {
        const id = next(value);
        return `(entity_id = ${id} OR entity_id IS NULL AND json_contains(${many}, to_json(${id}::VARCHAR)))`;
      }),
    );
  }
  if (filter.route) {
    terms.push(any(filter.route, (value) => `route LIKE ${next(like(value))} ESCAPE '\\'`));
  }
  if (filter.status) {
    terms.push(
      any(filter.status, (value) => {
        const { from, to } = statusRange(value);
        return `status BETWEEN ${next(Math.max(from, -1e9))} AND ${next(Math.min(to, 1e9))}`;
      }),
    );
  }
  if (filter.since !== undefined) terms.push(`timestamp >= ${next(filter.since)}`);
  if (filter.until !== undefined) terms.push(`timestamp < ${next(filter.until)}`);
  if (filter.text !== undefined) {
    const sought = folded(JSON.stringify(filter.text).slice(1, -1));
    terms.push(textTerm(next(sought), sought.includes("σ")));
  }
  return { sql: terms.length > 0 ? terms.join(" AND ") : "true", values };
}

/** The first half is cheap, and lets the names of fields through; see `facts.contains`. */
function textTerm(sought: string, hasSigma: boolean): string {
  const values = String.raw`regexp_replace(record, '"(?:[^"\\]|\\.)*":', '', 'g')`;
  const within = (text: string) =>
    `contains(${hasSigma ? `replace(lower(${text}), 'ς', 'σ')` : `lower(${text})`}, ${sought})`;
  return `${within("record")} AND ${within(values)}`;
}

function any(wanted: readonly string[], condition: (value: string) => string): string {
  return wanted.length === 0 ? "false" : `(${wanted.map(condition).join(" OR ")})`;
}

/** GLOB knows more signs than `*`; those of LIKE can be escaped. */
function like(pattern: string): string {
  return pattern.replaceAll(/[\\%_]/gu, "\\$&").replaceAll("*", "%");
}
