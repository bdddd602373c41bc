/**
 * Fills in the line of the activity feed: `admitted patient {params.id}`.
 *
 * @module
 */

/** What placeholders can name. */
export interface RequestValues {
  readonly params?: unknown;
  readonly query?: unknown;
  readonly body?: unknown;
  readonly user?: unknown;
}

/** Longer values are cut: the line is for people. */
const MAX_VALUE_LENGTH = 200;

/** `template` with its placeholders filled in; one whose value is missing, or not a plain value, stays as `?`. */
export function activityLine(template: string, values: RequestValues): string {
  return template.replace(/\{([\w.$-]+)\}/g, (_, path: string) => plain(valueAt(values, path.split("."))));
}

function valueAt(values: RequestValues, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null && Object.hasOwn(at, key)
        ? (at as Record<string, unknown>)[key]
        : undefined,
    values,
  );
}

function plain(value: unknown): string {
  if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean") return "?";
  const text = String(value);
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
}
