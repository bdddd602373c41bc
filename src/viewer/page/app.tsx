/**
 * The layout, and the keys that work everywhere.
 *
 * @module
 */
import { useEffect } from "preact/hooks";
import { Density } from "./density.js";
import { Detail } from "./detail.js";
import { Filters } from "./filters.js";
import { live, problem, select, selected, theme, toggleTheme, view } from "./state.js";
import { Summary } from "./summary.js";
import { RecordTable } from "./table.js";

export function App() {
  useEffect(() => {
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  return (
    <>
      <header class="top">
        <h1>Audit trail</h1>
        <nav aria-label="Views">
          <button
            type="button"
            aria-pressed={view.value === "records"}
            onClick={() => (view.value = "records")}
          >
            Records
          </button>
          <button
            type="button"
            aria-pressed={view.value === "summary"}
            onClick={() => (view.value = "summary")}
          >
            Summary
          </button>
        </nav>
        <span class="grow" />
        <button type="button" aria-pressed={live.value} onClick={() => (live.value = !live.value)}>
          {live.value ? "Live" : "Paused"}
        </button>
        <button
          type="button"
          onClick={toggleTheme}
          aria-label={theme.value === "dark" ? "Light colours" : "Dark colours"}
        >
          {theme.value === "dark" ? "☀" : "☾"}
        </button>
      </header>
      <Filters />
      {problem.value !== null && (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <Density />
      <main class={selected.value === null ? "" : "with-detail"}>
        {view.value === "records" ? <RecordTable /> : <Summary />}
        {selected.value !== null && <Detail recordId={selected.value} />}
      </main>
      <footer class="keys">
        <kbd>/</kbd> search <kbd>↑</kbd> <kbd>↓</kbd> move <kbd>Enter</kbd> open <kbd>Esc</kbd> close{" "}
        <kbd>t</kbd> colours. Times are UTC.
      </footer>
    </>
  );
}

function keys(event: KeyboardEvent): void {
  const { target, key } = event;
  const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement;
  if (key === "Escape") {
    if (isTyping) (target as HTMLElement).blur();
    else select(null);
    return;
  }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (key === "/") {
    document.querySelector<HTMLInputElement>("#search")?.focus();
    event.preventDefault();
  } else if (key === "t") toggleTheme();
}
