/**
 * The way to pg on one connection: what the application gives to `client.query` comes in, and what is to be sent goes
 * out, the application's texts and ours.
 *
 * @module
 */
import { guarded } from "../../../health.js";
import {
  isTimeout,
  keepClose,
  queueLength,
  whenIdle,
  type PgClient,
  type PgConnection,
  type PgError,
  type QueryConstructor,
  type QueryFunction,
  type Submittable,
} from "./pg.js";
import type { Ask } from "./steps.js";

/** The call that waits for an answer, as far as it concerns the question. */
interface Waiting {
  readonly limit: unknown;
  late(error: PgError): void;
}

export class Channel {
  readonly client: PgClient;
  readonly connection: PgConnection;
  readonly Query: QueryConstructor;
  readonly #wrapper: QueryFunction;
  readonly #giveBack: () => void;
  readonly #listeners: [event: string, listener: (message: any) => void][] = [];
  /** What `client.query` was. */
  readonly send: QueryFunction;
  readonly #waiting = new WeakMap<Submittable, () => void>();
  #inside = false;
  /** The connection is gone. */
  ended = false;

  /** @param take - what `client.query` is from now on */
  constructor(client: PgClient, connection: PgConnection, Query: QueryConstructor, take: QueryFunction) {
    this.client = client;
    this.connection = connection;
    this.Query = Query;
    const own = Object.hasOwn(client, "query");
    const previous = client.query;
    this.send = (...args) => previous.apply(client, args);
    this.#wrapper = (config, values, callback) =>
      this.#inside ? this.send(config) : take(config, values, callback);
    client.query = this.#wrapper;
    this.#giveBack = () => {
      // Someone may have wrapped it after us: then ours stays in place, and only passes on.
      if (client.query !== this.#wrapper) return;
      if (own) client.query = previous;
      else delete (client as Partial<PgClient>).query;
    };
  }

  /** False if `client.query` was replaced by something that may not call ours. */
  get inPlace(): boolean {
    return this.client.query === this.#wrapper;
  }

  /** True if nothing waits in pg's own queue. */
  get isEmpty(): boolean {
    return queueLength(this.client) === 0;
  }

  /** pg refuses a second text under the same name; it shall do so itself. */
  clashes({ name, text: own }: Submittable, text: string): boolean {
    if (typeof name !== "string" || name === "" || own === undefined) return false;
    const { parsedStatements, submittedNamedStatements } = this.connection;
    const known = parsedStatements?.[name] ?? submittedNamedStatements?.[name];
    return known !== undefined && known !== text;
  }

  /** Hears what the server says in front of pg's own listeners: before the application does. */
  listen<Message>(event: string, take: (message: Message) => void): void {
    const listener = (message: Message): void => {
      guarded("capture.postgres", () => take(message));
    };
    this.connection.prependListener(event, listener);
    this.#listeners.push([event, listener]);
  }

  leave(): void {
    for (const [event, listener] of this.#listeners) this.connection.off(event, listener);
    this.#giveBack();
  }

  /** A cursor or stream is going to be handed to pg, at once or later. */
  expect(query: Submittable): void {
    this.#waiting.set(query, keepClose(query));
  }

  /** Hands a query to pg. */
  pass(query: Submittable): void {
    this.#inside = true;
    try {
      this.send(query);
    } finally {
      this.#inside = false;
    }
    this.#waiting.get(query)?.();
    this.#waiting.delete(query);
  }

  /**
   * A question of ours, on the application's connection, ahead of the call that waits for it. An error is told when the
   * server is ready again, which may be a packet later: by then it is known what became of the transaction.
   *
   * @param waiting - for how long the call that waits is to wait, if not as long as all others, and what to tell it then
   */
  ask(text: string, values: readonly unknown[] = [], waiting?: Waiting): ReturnType<Ask> {
    return new Promise((resolve, reject) => {
      const fail = (error: PgError): void => {
        if (isTimeout(error)) waiting?.late(error);
        void this.idle().then(() => reject(error));
      };
      const config = { text, values, rowMode: "array", types: { getTypeParser: () => String } };
      const query = new this.Query(
        config,
        undefined,
        (error: unknown, result: { rows: (string | null)[][] }) =>
          error ? fail(error as PgError) : resolve(result.rows),
      );
      if (waiting?.limit) query.query_timeout = waiting.limit;
      this.pass(query);
    });
  }

  /** Settles when all texts before this one are answered, or the connection is gone. */
  async idle(): Promise<void> {
    if (!this.ended) await whenIdle(this.client, this.connection);
  }
}
