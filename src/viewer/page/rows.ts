/**
 * The rows of the table: pages from the newest on, the next one asked for when it is scrolled to.
 *
 * @module
 */
import { effect, signal } from "@preact/signals";
import { ask } from "./server.js";
import { problem, query, version } from "./state.js";
import type { Row } from "./types.js";

const PAGE = 200;

/** `null` before the first answer. */
export const rows = signal<readonly Row[] | null>(null);
export const isWhole = signal(false);

let asked = new AbortController();
/** The page that is waited for: one that was given up may end later than the next begins. */
let underWay: object | undefined;

effect(() => {
  void version.value;
  const parameters = query.value;
  asked.abort();
  asked = new AbortController();
  // What was scrolled to stays in reach when new records come in.
  const limit = Math.min(Math.max(rows.peek()?.length ?? 0, PAGE), 500);
  void load(`${parameters}&limit=${limit}`, asked.signal, (found) => {
    rows.value = found;
    isWhole.value = found.length < limit;
  });
});

/** Asks for the page after the last row. */
export function more(): void {
  const last = rows.value?.at(-1);
  if (!last || isWhole.value || underWay) return;
  const from = new URLSearchParams({
    before: last.timestamp,
    before_id: last.record_id ?? "",
    limit: String(PAGE),
  });
  void load(`${query.value}&${from}`, asked.signal, (found) => {
    rows.value = [...(rows.value ?? []), ...found];
    isWhole.value = found.length < PAGE;
  });
}

async function load(parameters: string, abort: AbortSignal, then: (found: Row[]) => void): Promise<void> {
  const own = (underWay = {});
  try {
    const found = await ask<Row[]>("records", parameters, abort);
    if (!abort.aborted) then(found);
  } catch (error) {
    if (!abort.aborted) problem.value = (error as Error).message;
  } finally {
    if (underWay === own) underWay = undefined;
  }
}
