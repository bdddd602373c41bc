/**
 * What one request caused, as a waterfall: each record under the one that caused it, where it stands in time.
 *
 * @module
 */
import { MOST_OF_A_STORY } from "../fields.js";
import { asking } from "./server.js";
import { select, selected, tab } from "./state.js";
import { duration, title } from "./text.js";
import type { Step } from "./types.js";
import { signal } from "@preact/signals";

const request = signal<string | null>(null);
const steps = asking<Step[]>("story", () =>
  selected.value === null || tab.value !== "story" || request.value === null
    ? null
    : new URLSearchParams({ request: request.value }).toString(),
);

export function Story({ request: asked, current }: { request: string; current: string }) {
  request.value = asked;
  const found = steps.value ?? [];
  const times = found.flatMap(({ from, to }) => [from, to]).filter((time) => time !== null);
  const begin = Math.min(...times);
  const whole = Math.max(Math.max(...times) - begin, 1);
  return (
    <>
      <p class="summary">
        Request {asked}, {found.length < MOST_OF_A_STORY ? "" : "the first "}
        {found.length} records in {duration(whole / 1000)}
      </p>
      <ol class="story">
        {found.map(({ depth, from, to, record }, index) => (
          <li key={index} class={record["record_id"] === current ? "current" : ""}>
            <button
              type="button"
              style={{ paddingLeft: `${Math.min(depth, 12) * 14 + 6}px` }}
              onClick={() => select(String(record["record_id"]))}
            >
              <span class="label">{title(record)}</span>
              <span class={`outcome ${record["outcome"]}`}>{String(record["outcome"] ?? "")}</span>
              <span class="number">{duration(record["execution_time"])}</span>
            </button>
            <span class="track" aria-hidden="true">
              <span
                class={`bar ${record["outcome"]}`}
                style={{
                  left: `${(100 * ((from ?? begin) - begin)) / whole}%`,
                  width: `${Math.max((100 * ((to ?? begin) - (from ?? begin))) / whole, 0.5)}%`,
                }}
              />
            </span>
          </li>
        ))}
      </ol>
    </>
  );
}
