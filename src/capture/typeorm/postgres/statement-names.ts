/**
 * Prepared statements by name, where the text that the server knows is not the one that the application gave.
 *
 * A rewritten text is prepared under a name of ours. pg is told that it has prepared the application's name
 * with the application's text, so that its own check (one name, one text) goes on as before.
 *
 * A rewritten text that the application gave no name gets one too when it comes again, because the server would plan the
 * longer text each time: named, it takes less of the server than the application's own text without us.
 *
 * @module
 */
import type { PgConnection, PgError, Submittable } from "./pg.js";

/** So many texts are given names of ours on one connection, ever: each holds memory of the server's. */
const MOST_NAMES = 500;
/** So many texts are remembered to have come once. */
const MOST_SEEN = 2000;

/* What a statement may meet that was prepared before another session altered a table: its parameters and its result
   have the types that they had then. And the name may be gone. */
const outdated = /^(?:0A|22|26|42)/;

/** One that was captured before keeps the names that were given then. */
let made = 0;

export class StatementNames {
  readonly #ours = new Map<string, string>();
  /** Names that pg takes for prepared, and the server does not know. */
  readonly #pretended = new Set<string>();
  /** Texts without a name of the application's: what we call them, or `null` if they came only once. */
  readonly #unnamed = new Map<string, string | null>();
  #count = 0;
  #generation = 0;

  /** A named query is about to be sent with a rewritten text; gives whether pg takes its name for prepared since now. */
  stand(query: Submittable, connection: PgConnection, given: string, text: string): boolean {
    const { name } = query;
    const known = connection.parsedStatements;
    if (typeof name !== "string" || name === "" || !known) return false;
    const isNew = known[name] === undefined;
    if (isNew) {
      known[name] = given;
      this.#pretended.add(name);
    }
    let ours = this.#ours.get(text);
    if (!ours) {
      ours = this.#next();
      this.#ours.set(text, ours);
    }
    query.name = ours;
    return isNew;
  }

  /** It failed: the server may not have taken the text, and then another one may have the name. */
  withdraw({ name }: Submittable, connection: PgConnection): void {
    if (typeof name === "string" && this.#pretended.delete(name)) delete connection.parsedStatements?.[name];
  }

  /**
   * A query without a name is about to be sent with a rewritten text; gives whether it got one.
   *
   * @param generation - another one whenever a table was altered
   */
  prepare(query: Submittable, connection: PgConnection, text: string, generation: number): boolean {
    const unnamed = query.name === undefined || query.name === null || query.name === "";
    const { values } = query;
    if (!unnamed || !connection.parsedStatements || !Array.isArray(values) || values.length === 0)
      return false;
    if (generation !== this.#generation) this.#unnamed.clear();
    this.#generation = generation;
    let name = this.#unnamed.get(text);
    if (name === undefined) {
      if (this.#unnamed.size >= MOST_SEEN) this.#unnamed.clear();
      this.#unnamed.set(text, null);
      return false;
    }
    if (name === null) {
      if (this.#count >= MOST_NAMES) return false;
      name = this.#next();
      this.#unnamed.set(text, name);
    }
    query.name = name;
    return true;
  }

  /** A query that got a name from `prepare` failed; gives whether it may not fail without one. */
  failed(text: string, error: PgError): boolean {
    const mayFail = outdated.test(error.code ?? "");
    // Where pg could not send the values, it has closed the statement.
    if (mayFail || error.code === undefined) this.#unnamed.delete(text);
    return mayFail;
  }

  /** The server has forgotten all names. */
  discarded(): void {
    this.#unnamed.clear();
  }

  /** A named query is about to be sent as it is: the server must be told its text, if we had pretended. */
  plain(query: Submittable, connection: PgConnection): void {
    const { name } = query;
    if (typeof name !== "string" || !this.#pretended.delete(name) || !connection.parsedStatements) return;
    query.text ??= connection.parsedStatements[name];
    delete connection.parsedStatements[name];
  }

  /** Nothing of ours is left: pg will prepare each name again. */
  forget(connection: PgConnection): void {
    for (const name of this.#pretended) delete connection.parsedStatements?.[name];
    this.#pretended.clear();
  }

  #next(): string {
    this.#count += 1;
    made += 1;
    return `activity_audit_${made}`;
  }
}
