/**
 * What is shown: one field for text, one choice for each of the others, and what is chosen as chips.
 *
 * @module
 */
import { useEffect, useRef } from "preact/hooks";
import { asking } from "./server.js";
import { type Field, filter, narrow, version } from "./state.js";
import { count } from "./text.js";
import type { Choice } from "./types.js";

const CHOSEN = [
  ["name", "Kind"],
  ["event", "Event"],
  ["outcome", "Outcome"],
  ["model", "Model"],
  ["service", "Service"],
] as const;

const SPANS = [
  ["", "All times"],
  ["15m", "Last 15 minutes"],
  ["1h", "Last hour"],
  ["24h", "Last 24 hours"],
  ["7d", "Last 7 days"],
  ["30d", "Last 30 days"],
] as const;

/** While somebody types, the server is not asked for each letter. */
const TYPING_MS = 200;

const choices = asking<Partial<Record<Field, Choice[]>>>("choices", () => (void version.value, ""));

export function Filters() {
  const chips = Object.entries(filter.value).filter(([field]) => field !== "text") as [Field, string][];
  return (
    <form class="filters" role="search" onSubmit={(event) => event.preventDefault()}>
      <SearchField />
      {CHOSEN.map(([field, label]) => (
        <label key={field}>
          <span class="hidden">{label}</span>
          <select
            value={filter.value[field] ?? ""}
            onChange={(event) => narrow({ [field]: event.currentTarget.value })}
          >
            <option value="">{label}</option>
            {withCurrent(choices.value?.[field] ?? [], filter.value[field]).map(({ value, count: times }) => (
              <option key={value} value={value}>
                {value} {times > 0 ? `(${count(times)})` : ""}
              </option>
            ))}
          </select>
        </label>
      ))}
      <label>
        <span class="hidden">Time</span>
        <select
          value={filter.value.until ? "custom" : (filter.value.since ?? "")}
          onChange={(event) => narrow({ since: event.currentTarget.value, until: "" })}
        >
          {SPANS.map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
          {isCustom() && (
            <option value={filter.value.until ? "custom" : filter.value.since} disabled>
              As drawn
            </option>
          )}
        </select>
      </label>
      <div class="chips">
        {chips.map(([field, value]) => (
          <button key={field} type="button" class="chip" onClick={() => narrow({ [field]: "" })}>
            {field}: {value} <span aria-hidden="true">×</span>
            <span class="hidden">, take away</span>
          </button>
        ))}
      </div>
    </form>
  );
}

function SearchField() {
  const timer = useRef(0);
  const field = useRef<HTMLInputElement>(null);
  const text = filter.value.text ?? "";
  useEffect(() => {
    if (field.current && document.activeElement !== field.current) field.current.value = text;
  }, [text]);
  return (
    <label class="search">
      <span class="hidden">Search in all values</span>
      <input
        id="search"
        ref={field}
        type="search"
        placeholder="Search in all values"
        defaultValue={text}
        onInput={(event) => {
          const { value } = event.currentTarget;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => narrow({ text: value }), TYPING_MS);
        }}
      />
    </label>
  );
}

function isCustom(): boolean {
  const { since = "", until } = filter.value;
  return until !== undefined || !SPANS.some(([value]) => value === since);
}

/** What is chosen can always be seen, also when it is not among the frequent ones. */
function withCurrent(offered: readonly Choice[], current: string | undefined): readonly Choice[] {
  if (current === undefined || offered.some(({ value }) => value === current)) return offered;
  return [{ value: current, count: 0 }, ...offered];
}
