/**
 * What a session's server and settings allow.
 *
 * @module
 */
import type { Raw } from "./image.js";
import { variables } from "./names.js";
import type { Dialect } from "./scan.js";

export interface Settings extends Dialect {
  readonly database: string | null;
  /** INSERT and DELETE take RETURNING (MariaDB 10.5 and newer). */
  readonly returning: boolean;
  /**
   * Session variables may be assigned inside of an UPDATE, column by column from left to right. Plain syntax in
   * MariaDB; in MySQL deprecated since 8.0.13, and its order is not defined, so it is not used there.
   */
  readonly variables: boolean;
  /** `max_allowed_packet`: at a longer text the server breaks the connection. */
  readonly packetBytes: number;
  /** Longest text that a session variable may be given, in bytes: past `max_allowed_packet` the statement fails. */
  readonly variableBytes: number;
  /** Table names that differ in case only are the same. */
  readonly foldsNames: boolean;
  /**
   * Text of results is sent as utf8mb4. Where it is not (`charset` of the DataSource, `SET NAMES`), the
   * server would turn what the connection's character set lacks into question marks.
   */
  readonly utf8Results: boolean;
  /** False under `foreign_key_checks = 0`: then no change of a row is carried on to other tables. */
  readonly keysAct: boolean;
  /** An AUTO_INCREMENT column that is given 0 gets a new id; not so under `NO_AUTO_VALUE_ON_ZERO`. */
  readonly zeroGenerates: boolean;
  readonly increment: number;
}

export const settingsQuery =
  "SELECT VERSION(), @@sql_mode, DATABASE(), @@max_allowed_packet, @@lower_case_table_names, @@auto_increment_increment, @@character_set_results, @@foreign_key_checks";

/**
 * Gives each variable its place: a statement that is the first to assign one does not see the value itself.
 * Answered by an OK packet, whose flags tell whether the connection is inside of a transaction.
 */
export const declareVariables = `SET ${Object.values(variables)
  .map((name) => `${name} = NULL`)
  .join(", ")}`;

export function settingsOf(row: readonly Raw[]): Settings {
  const [version = "", mode = "", database, packet, folds, increment, results, keys] = row.map((value) =>
    value?.toString("utf8"),
  );
  const modes = new Set(mode.split(","));
  const mariadb = /mariadb/i.test(version);
  return {
    ansiQuotes: modes.has("ANSI_QUOTES"),
    plainBackslash: modes.has("NO_BACKSLASH_ESCAPES"),
    database: database ?? null,
    returning: mariadb && isAtLeast(version, 10, 5),
    variables: mariadb && !modes.has("SIMULTANEOUS_ASSIGNMENT"),
    packetBytes: Number(packet ?? 0),
    variableBytes: Math.floor(Number(packet ?? 0) / 4),
    foldsNames: folds !== "0",
    utf8Results: results === "utf8mb4",
    zeroGenerates: !modes.has("NO_AUTO_VALUE_ON_ZERO"),
    keysAct: keys !== "0",
    increment: Number(increment ?? 1),
  };
}

/** Some MariaDB servers still say `5.5.5-` first, for the sake of old replicas. */
function isAtLeast(version: string, major: number, minor: number): boolean {
  const [, found, then] = /(?:5\.5\.5-)?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(found) > major || (Number(found) === major && Number(then) >= minor);
}
