/**
 * The values that a statement was run with, and which columns they were for: so that the shared part can hide
 * those of columns that are hidden.
 *
 * @module
 */
import { snapshot } from "../../record/snapshot.js";
import type { Parameter } from "./family.js";
import { columnsOf } from "./parameter-columns.js";
import type { Quoting } from "./statement-text.js";

/** So many are kept of one statement; what follows is counted. */
const MOST = 100;

const LIMITS = { depth: 8, entries: 100, string: 2000, total: 16_384 } as const;

/** Values as a driver takes them: by number, or by name. */
export type Values = readonly unknown[] | Readonly<Record<string, unknown>>;

/**
 * The bound values of a statement, in their own order. Never throws, and keeps no reference to them.
 *
 * @param base - the number of the first value, where the placeholders have numbers
 */
export function boundParameters(
  sql: string,
  values: Values | null | undefined,
  quoting: Quoting = "standard",
  base = 1,
): readonly Parameter[] {
  if (!values || typeof values !== "object" || Object.keys(values).length === 0) return [];
  const places = columnsOf(sql, quoting, ({ kind }) => kind === "placeholder");
  const names = Array.isArray(values) ? null : Object.keys(values);
  const list = names ? names.map((name) => (values as Record<string, unknown>)[name]) : (values as unknown[]);
  const columns = list.map((): Set<string> | null | undefined => undefined);
  let next = 0;
  for (const { place, columns: found } of places) {
    const at = indexOf(place.text, names, base) ?? next;
    next = at + 1;
    if (at < columns.length) columns[at] = both(columns[at], found);
  }
  return parameters(list, (index) => columns[index] ?? null);
}

/**
 * The values that stand in the text itself, in the order of the `?` that `withoutValues` writes for them: where a
 * driver puts its parameters into the text, these are all there is. Unknown ones stay as they are written.
 *
 * @param values - for the placeholders that the text has all the same
 */
export function writtenParameters(
  sql: string,
  quoting: Quoting,
  values: readonly unknown[] = [],
): readonly Parameter[] {
  const places = columnsOf(sql, quoting, ({ kind }) => kind === "value" || kind === "placeholder");
  let next = 0;
  const list = places.map(({ place }) => {
    if (place.kind === "value") return readLiteral(place.text);
    next += 1;
    return values[next - 1];
  });
  return parameters(list, (index) => places[index]!.columns);
}

function parameters(
  list: readonly unknown[],
  columns: (index: number) => ReadonlySet<string> | null,
): readonly Parameter[] {
  const kept = list.slice(0, MOST).map((value, index): Parameter => {
    const known = columns(index);
    return { value: snapshot(value, LIMITS) ?? null, columns: known && [...known] };
  });
  if (list.length > MOST) kept.push({ value: { $clipped: "array", length: list.length }, columns: [] });
  return kept;
}

/** Used at two places, a value is for the columns of both; and if one of them is not known, neither is the value's. */
function both(one: Set<string> | null | undefined, other: ReadonlySet<string> | null): Set<string> | null {
  if (one === null || other === null) return null;
  return new Set([...(one ?? []), ...other]);
}

/** Which value a placeholder stands for; `undefined` for the next one. */
function indexOf(placeholder: string, names: readonly string[] | null, base: number): number | undefined {
  const word = placeholder.slice(1);
  if (names) {
    const at = names.findIndex((name) => name === placeholder || name === word);
    return at < 0 ? Infinity : at;
  }
  return /^\d+$/.test(word) ? Number(word) - base : undefined;
}

const escapes: Record<string, string> = { 0: "\0", b: "\b", n: "\n", r: "\r", t: "\t", Z: "\u001a" };

/** A literal of MySQL's as a value. */
function readLiteral(text: string): unknown {
  const [, prefix = "", quoted] = /^(\w*)((?:'[\s\S]*'|"[\s\S]*"))$/.exec(text) ?? [];
  if (/^0x/i.test(text)) return { $binary: Math.ceil((text.length - 2) / 2) };
  if (quoted === undefined) return String(Number(text)) === text ? Number(text) : text;
  if (/^x$/i.test(prefix)) return { $binary: Math.ceil((quoted.length - 2) / 2) };
  const quote = quoted[0]!;
  return quoted
    .slice(1, -1)
    .replace(/\\([\s\S])|(['"])\2/g, (match, escaped: string | undefined, doubled: string | undefined) => {
      if (escaped !== undefined) return escapes[escaped] ?? escaped;
      return doubled === quote ? quote : match;
    });
}
