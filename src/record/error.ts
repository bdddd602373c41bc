/**
 * What an error says, whatever was thrown.
 *
 * @module
 */
import { isError, snapshot } from "./snapshot.js";

/**
 * The message of what was thrown, or `null` if nothing was. An error with an empty message gives its parts'
 * messages, its code or its name: Node reports a refused connection to two addresses in that way.
 */
export function errorMessage(error: unknown): string | null {
  if (error === null || error === undefined) return null;
  if (typeof error === "string") return error;
  try {
    return typeof error === "object" && isError(error)
      ? messageOf(error)
      : (JSON.stringify(snapshot(error)) ?? String(error));
  } catch {
    // A getter or a `toString` of the application's.
    return "an error that cannot be read";
  }
}

function messageOf(error: Error): string {
  const { message, name, code, errors } = error as Error & { code?: unknown; errors?: unknown };
  if (typeof message === "string" && message !== "") return message;
  if (Array.isArray(errors) && errors.length > 0) {
    return errors
      .slice(0, 10)
      .map((part) => errorMessage(part) ?? "")
      .join("; ");
  }
  return typeof code === "string" ? code : String(name);
}
