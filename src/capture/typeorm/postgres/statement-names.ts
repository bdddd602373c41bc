/**
 * Prepared statements by name, where the text that the server knows is not the one that the application gave.
 *
 * A rewritten text is prepared under a name of ours. pg is told that it has prepared the application's name
 * with the application's text, so that its own check (one name, one text) goes on as before.
 *
 * @module
 */
import type { PgConnection, Submittable } from "./pg.js";

export class StatementNames {
  readonly #ours = new Map<string, string>();
  /** Names that pg takes for prepared, and the server does not know. */
  readonly #pretended = new Set<string>();

  /** A named query is about to be sent with a rewritten text. */
  stand(query: Submittable, connection: PgConnection, given: string, text: string): void {
    const { name } = query;
    const known = connection.parsedStatements;
    if (typeof name !== "string" || name === "" || !known) return;
    if (known[name] === undefined) {
      known[name] = given;
      this.#pretended.add(name);
    }
    let ours = this.#ours.get(text);
    if (!ours) {
      ours = `activity_audit_${this.#ours.size + 1}`;
      this.#ours.set(text, ours);
    }
    query.name = ours;
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
}
