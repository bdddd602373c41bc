/**
 * The options that say which records, the same for every command that has them.
 *
 * @module
 */
import type { Command } from "commander";
import { moment, type RecordFilter } from "../read/filter.js";
import { list } from "./command.js";

const LISTS = {
  user: ["--user <ids>", "who did it, by `user.id`"],
  model: ["--model <names>", "of rows of these models"],
  id: ["--id <ids>", "of rows with these primary keys"],
  event: ["--event <names>", "CREATE, UPDATE, login, GAP …, or an action"],
  outcome: ["--outcome <names>", "success, failure, denied, aborted, unknown"],
  route: ["--route <patterns>", "of these routes; * stands for anything"],
  service: ["--service <names>", "of these services"],
  status: ["--status <codes>", "answered with: 404, 5xx, '>=400'"],
  request: ["--request <ids>", "of these requests"],
  name: ["--name <names>", "of these kinds: audit.crud, audit.request, audit.login …"],
} as const;

/** What each option's value is called, for what cannot go with them. */
export const FILTER_NAMES: readonly string[] = [...Object.keys(LISTS), "since", "until", "text"];

export type FilterOptions = { readonly [Name in keyof typeof LISTS]?: string[] } & {
  readonly since?: string;
  readonly until?: string;
  readonly text?: string;
};

export function withFilters(command: Command): Command {
  for (const [flags, description] of Object.values(LISTS)) {
    command.option(flags, `${description} (several: a,b)`, list);
  }
  return command
    .option("--since <time>", '"2026-01-05 09:12" (UTC), ISO 8601, or ago: 30m, 2h, 7d')
    .option("--until <time>", "before this time")
    .option("--text <text>", "anywhere in the record, whatever its case");
}

/** @throws {AuditError} `AUDIT_FILTER_INVALID` */
export function filterOf(options: FilterOptions, now = Date.now()): RecordFilter {
  const { since, until, text } = options;
  const lists = Object.keys(LISTS).map((name) => [name, options[name as keyof typeof LISTS]]);
  return {
    ...(Object.fromEntries(lists) as RecordFilter),
    since: since === undefined ? undefined : moment("--since", since, now),
    until: until === undefined ? undefined : moment("--until", until, now),
    text,
  };
}
