/**
 * What some drivers of TypeORM 0.3 do not survive: they call the subscribers of queries where nobody waits, so
 * that what those throw goes to no caller and ends the process, with us or without.
 */
import { typeormVersion } from "../coverage.js";

const reason = "an uncaught exception with TypeORM 0.3, without us, too";
const scenarios = {
  beforeQuery: [
    "a START TRANSACTION that fails: TypeORM counts below zero, and its next start is a wrong savepoint",
  ],
  afterQuery: ["afterQuery that throws outside of a transaction: the row is committed"],
};

/** For `lacks`: the scenarios in which a subscriber throws in one of these events. */
export function uncaught(...events: readonly (keyof typeof scenarios)[]): Record<string, string> {
  if (!typeormVersion().startsWith("0.")) return {};
  const names = events.flatMap((event) => [
    ...[1, 2, 3].map((call) => `${event} that throws, at call ${call}`),
    ...scenarios[event],
  ]);
  return Object.fromEntries(names.map((name) => [name, reason]));
}
