/**
 * One record: what it says, what else its request caused, and what became of its row.
 *
 * @module
 */
import { asking } from "./server.js";
import { Changes } from "./changes.js";
import { History } from "./history.js";
import { narrow, select, selected, tab, type Tab } from "./state.js";
import { Story } from "./story.js";
import { person, title } from "./text.js";
import type { Loose } from "./types.js";
import { Value } from "./value.js";

interface Found {
  readonly line: string;
  readonly record: Loose;
}

const found = asking<Found>(
  "record",
  () => selected.value && new URLSearchParams({ id: selected.value }).toString(),
);

const TABS: readonly (readonly [Tab, string])[] = [
  ["record", "Record"],
  ["story", "Request"],
  ["history", "History"],
];

export function Detail({ recordId }: { recordId: string }) {
  const record = found.value?.record;
  const isHere = record?.["record_id"] === recordId;
  const offered = TABS.filter(([name]) => isOffered(name, record));
  const shown = offered.some(([name]) => name === tab.value) ? tab.value : "record";
  return (
    <aside class="detail" aria-label="Record">
      <header>
        <h2>{record && isHere ? title(record) : "…"}</h2>
        <button type="button" onClick={() => select(null)} aria-label="Close">
          ×
        </button>
      </header>
      {record && isHere && (
        <>
          <div role="tablist" aria-label="Parts of the record" class="tabs">
            {offered.map(([name, label]) => (
              <button
                key={name}
                id={`tab-${name}`}
                type="button"
                role="tab"
                aria-selected={shown === name}
                aria-controls="tab-panel"
                onClick={() => (tab.value = name)}
              >
                {label}
              </button>
            ))}
          </div>
          <div id="tab-panel" role="tabpanel" aria-labelledby={`tab-${shown}`} tabIndex={0} class="panel">
            {shown === "record" && <Whole record={record} line={found.value!.line} />}
            {shown === "story" && <Story request={String(record["request_id"])} current={recordId} />}
            {shown === "history" && (
              <History model={String(record["model"])} id={String(record["instance_id"])} />
            )}
          </div>
        </>
      )}
    </aside>
  );
}

function isOffered(name: Tab, record: Loose | undefined): boolean {
  if (name === "story") return typeof record?.["request_id"] === "string";
  if (name === "history")
    return typeof record?.["model"] === "string" && typeof record["instance_id"] === "string";
  return true;
}

function Whole({ record, line }: { record: Loose; line: string }) {
  const { timestamp, user, outcome, error_message } = record;
  const userId = (user as Loose | null)?.["id"];
  return (
    <>
      <p class="summary">
        {String(timestamp)} · {person(user)} · <span class={`outcome ${outcome}`}>{String(outcome)}</span>
      </p>
      {typeof error_message === "string" && <p class="problem">{error_message}</p>}
      <p class="actions">
        {userId !== undefined && userId !== null && (
          <button type="button" onClick={() => narrow({ user: String(userId) })}>
            Only this person
          </button>
        )}
        {typeof record["route"] === "string" && (
          <button type="button" onClick={() => narrow({ route: record["route"] })}>
            Only this route
          </button>
        )}
        {typeof record["model"] === "string" && (
          <button type="button" onClick={() => narrow({ model: record["model"] })}>
            Only this model
          </button>
        )}
      </p>
      <Changes record={record} />
      <h3>All fields</h3>
      <Value of={record} depth={1} />
      <details>
        <summary>The line in the file</summary>
        <pre class="line">{line}</pre>
      </details>
    </>
  );
}
