/**
 * What the page shows, and that it stands in the address: whoever opens it sees the same.
 *
 * @module
 */
import { computed, effect, signal } from "@preact/signals";
import { VALUE_FIELDS } from "../fields.js";

const IN_ADDRESS = ["text", ...VALUE_FIELDS, "since", "until"] as const;
export type Field = (typeof IN_ADDRESS)[number];

export type Filter = Partial<Record<Field, string>>;
export type View = "records" | "summary";
export type Tab = "record" | "story" | "history";
export type Theme = "light" | "dark";

const address = new URLSearchParams(location.search);

export const filter = signal<Filter>(filterIn(address));
export const view = signal<View>(address.get("view") === "summary" ? "summary" : "records");
/** The `record_id` of the record whose detail is open. */
export const selected = signal<string | null>(address.get("record"));
export const tab = signal<Tab>((address.get("tab") as Tab) ?? "record");
/** Whether new records come in by themselves. */
export const live = signal(true);
/** Counted up when the trail has grown. */
export const version = signal(0);
export const problem = signal<string | null>(null);

export const theme = signal<Theme>(storedTheme());

export const query = computed(() => new URLSearchParams(Object.entries(filter.value)).toString());

/** Sets fields of the filter; an empty text takes one away. */
export function narrow(change: Filter): void {
  const next = { ...filter.value, ...change };
  filter.value = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== ""));
}

export function select(recordId: string | null, shown: Tab = "record"): void {
  selected.value = recordId;
  tab.value = shown;
}

effect(() => {
  const next = new URLSearchParams(query.value);
  if (view.value !== "records") next.set("view", view.value);
  if (selected.value !== null) next.set("record", selected.value);
  if (selected.value !== null && tab.value !== "record") next.set("tab", tab.value);
  const search = next.size > 0 ? `?${next}` : location.pathname;
  if (search !== (location.search || location.pathname)) history.pushState(null, "", search);
});

addEventListener("popstate", () => {
  const now = new URLSearchParams(location.search);
  filter.value = filterIn(now);
  view.value = now.get("view") === "summary" ? "summary" : "records";
  selected.value = now.get("record");
  tab.value = (now.get("tab") as Tab) ?? "record";
});

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
});

export function toggleTheme(): void {
  theme.value = theme.value === "dark" ? "light" : "dark";
  try {
    localStorage.setItem("activity-audit-theme", theme.value);
  } catch {
    // Storage may be switched off; the choice then lasts as long as the page.
  }
}

function storedTheme(): Theme {
  const preferred = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  try {
    const stored = localStorage.getItem("activity-audit-theme");
    return stored === "dark" || stored === "light" ? stored : preferred;
  } catch {
    return preferred;
  }
}

function filterIn(parameters: URLSearchParams): Filter {
  return Object.fromEntries(
    IN_ADDRESS.flatMap((field) => {
      const value = parameters.get(field);
      return value ? [[field, value]] : [];
    }),
  );
}
