/**
 * What was given to a logger's method, as text: formatted like `console.log`, with nothing in it that must be
 * hidden.
 *
 * @module
 */
import { format } from "node:util";
import { encode } from "../record/encode.js";
import { logRuntime } from "./runtime.js";

/** One line or several, as logged. An Error gives its message; its stack is told apart. */
export function messageOf(data: readonly unknown[]): string {
  const [first] = data;
  if (data.length === 1 && typeof first === "string") return first;
  return format(...data.map(shown));
}

/** The stack of the error that was logged, with those of its causes; `null` if there was none. */
export function exceptionOf(data: readonly unknown[]): string | null {
  const error = data.find((item) => item instanceof Error);
  return error ? stackOf(error) : null;
}

const MAX_CAUSES = 5;

function stackOf(error: Error): string {
  const stacks: string[] = [];
  for (let at: unknown = error; at instanceof Error && stacks.length <= MAX_CAUSES; at = at.cause) {
    stacks.push(at.stack ?? String(at));
  }
  return stacks.join("\nCaused by: ");
}

function shown(item: unknown): unknown {
  if (item instanceof Error) return `${item.name}: ${item.message}`;
  if (typeof item !== "object" || item === null) return item;
  // Under a key, since a line stands for an object; `encode` notes beside it what it has hidden.
  const line = encode({ item }, logRuntime().redactor);
  return (JSON.parse(line) as { item?: unknown }).item;
}
