/**
 * What became of one row, the newest first.
 *
 * @module
 */
import { signal } from "@preact/signals";
import { MOST_OF_A_STORY } from "../fields.js";
import { Changes } from "./changes.js";
import { asking } from "./server.js";
import { select, selected, tab } from "./state.js";
import { person } from "./text.js";
import type { Loose } from "./types.js";

const row = signal<{ model: string; id: string } | null>(null);
const versions = asking<Loose[]>("history", () =>
  selected.value === null || tab.value !== "history" || row.value === null
    ? null
    : new URLSearchParams(row.value).toString(),
);

export function History({ model, id }: { model: string; id: string }) {
  if (row.peek()?.model !== model || row.peek()?.id !== id) row.value = { model, id };
  const found = versions.value ?? [];
  return (
    <>
      <p class="summary">
        {model} {id}: {found.length < MOST_OF_A_STORY ? "" : "the newest "}
        {found.length} records
      </p>
      <ol class="versions">
        {found.toReversed().map((record) => (
          <li key={String(record["record_id"])}>
            <h3>
              <button type="button" onClick={() => select(String(record["record_id"]))}>
                {String(record["event_type"])}
              </button>{" "}
              {String(record["timestamp"])} · {person(record["user"])}
            </h3>
            <Changes record={record} />
          </li>
        ))}
      </ol>
    </>
  );
}
