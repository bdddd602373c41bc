/**
 * How long things take, and who did most, within what is shown.
 *
 * @module
 */
import { Integrity } from "./integrity.js";
import { asking } from "./server.js";
import { narrow, query, version, view } from "./state.js";
import { count, duration } from "./text.js";
import type { Actor, Latency } from "./types.js";

const whileShown = () => (view.value === "summary" ? (void version.value, query.value) : null);
const latency = asking<Latency[]>("latency", whileShown);
const actors = asking<Actor[]>("actors", whileShown);

export function Summary() {
  return (
    <section class="summary-view" aria-label="Summary" tabIndex={0}>
      <LatencyTable type="internal" title="Requests by route" column="Route" />
      <LatencyTable type="external" title="Calls by service" column="Service" />
      <ActorTable />
      <Integrity />
    </section>
  );
}

function LatencyTable({ type, title, column }: { type: Latency["type"]; title: string; column: string }) {
  const found = (latency.value ?? []).filter((row) => row.type === type);
  return (
    <table class="numbers">
      <caption>{title}</caption>
      <thead>
        <tr>
          {[column, "Count", "Failed", "Median", "95 %", "99 %"].map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {found.map((row) => (
          <tr key={`${row.method} ${row.place}`}>
            <th scope="row">
              <button
                type="button"
                onClick={() => narrow(type === "internal" ? { route: row.place } : { service: row.place })}
              >
                {[row.method, row.place].filter(Boolean).join(" ")}
              </button>
            </th>
            <td>{count(row.count)}</td>
            <td class={row.failed > 0 ? "outcome failure" : ""}>{count(row.failed)}</td>
            <td>{duration(row.p50)}</td>
            <td>{duration(row.p95)}</td>
            <td>{duration(row.p99)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function ActorTable() {
  return (
    <table class="numbers">
      <caption>Who did most</caption>
      <thead>
        <tr>
          {["Who", "Records", "Changes", "Failed or denied", "Last"].map((head) => (
            <th key={head} scope="col">
              {head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {(actors.value ?? []).map((row) => (
          <tr key={row.user_id}>
            <th scope="row">
              <button type="button" onClick={() => narrow({ user: row.user_id })}>
                {row.user_name === null ? row.user_id : `${row.user_name} · ${row.user_id}`}
              </button>
            </th>
            <td>{count(row.count)}</td>
            <td>{count(row.changes)}</td>
            <td>{count(row.not_ok)}</td>
            <td>{row.last}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
