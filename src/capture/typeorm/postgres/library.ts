/**
 * What all connections of one pool share: the parser, the plans made so far, and what was learned of tables.
 *
 * Kept by identity (role, search path and temporary schema): under another one the same name may be another
 * table, or a table that is not ours to read.
 *
 * @module
 */
import { fault } from "../../../health.js";
import type { ChangeSink, FamilyLimits, OutboxTarget, TableScope } from "../family.js";
import { factsOf, type TableFacts } from "./catalog.js";
import type { Prepared } from "./connection.js";
import type { SqlParser } from "./parser.js";
import { Planner, type Knowledge, type Missing, type Plan } from "./plan.js";
import { readStatements, type TableRef } from "./read.js";

/** So many texts are kept; an application has some hundreds. */
const MAX_TEXTS = 5000;

export interface LibraryOptions {
  readonly parser: Promise<SqlParser>;
  readonly sink: ChangeSink;
  readonly scope: TableScope;
  readonly limits: FamilyLimits;
  /** The schema that `TableName` leaves out. */
  readonly defaultSchema: string;
  readonly outbox: OutboxTarget | undefined;
}

export class Library {
  readonly sink: ChangeSink;
  readonly limits: FamilyLimits;
  readonly outbox: OutboxTarget | undefined;
  readonly prepared: Prepared = new Map();
  /** Settles when texts can be read. */
  readonly ready: Promise<void>;
  readonly #options: LibraryOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #controls = new Map<string, boolean>();
  /** Another one whenever tables were altered. */
  generation = 0;
  #planner: Planner | null = null;
  #parser: SqlParser | null = null;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.sink = options.sink;
    this.limits = options.limits;
    this.outbox = options.outbox;
    this.ready = options.parser.then((parser) => {
      this.#parser = parser;
      this.#planner = new Planner(parser, options.scope, options.defaultSchema);
    });
  }

  get loaded(): boolean {
    return this.#planner !== null;
  }

  /** The key of what is learned under this role and search path. */
  identity(user: string, schemas: string, version: number): string {
    const identity = JSON.stringify([user, schemas]);
    if (!this.#rooms.has(identity)) this.#rooms.set(identity, new Room(version));
    return identity;
  }

  /** The way to run a text, or what must be learned first. */
  plan(text: string, identity: string): Plan | Missing {
    const room = this.#room(identity);
    const known = room.plans.get(text);
    if (known) return known;
    const plan = this.#planned().plan(text, room);
    if (!("tables" in plan)) keep(room.plans, text, plan);
    return plan;
  }

  planAsItIs(text: string, identity: string | null): Plan {
    return this.#planned().planAsItIs(text, identity === null ? new Room(0) : this.#room(identity));
  }

  /** True if a text steers the transaction and does nothing else: it needs no table to be known. */
  isControl(text: string): boolean {
    if (text.length > 200) return false;
    let control = this.#controls.get(text);
    if (control === undefined) {
      const statements = this.#parser ? readStatements(this.#parser, text) : null;
      control = statements?.every(({ kind }) => /^(?:control|twoPhase|other)$/.test(kind)) ?? false;
      keep(this.#controls, text, control);
    }
    return control;
  }

  /** From now on this text is run as it is: rewritten, the server refused it. */
  giveUp(text: string, identity: string | null, error: unknown): void {
    fault("capture.postgres_rewrite", error);
    if (identity !== null) keep(this.#room(identity).plans, text, this.planAsItIs(text, identity));
  }

  learnTable(identity: string, table: TableRef, json: string | null): void {
    const facts = json === null ? null : factsOf(json, this.#options.defaultSchema);
    this.#room(identity).learnTable(table, facts);
  }

  learnVolatile(identity: string, calls: readonly string[], volatile: boolean): void {
    this.#room(identity).learnVolatile(calls, volatile);
  }

  /** Tables were created, altered or dropped. */
  forgetTables(): void {
    this.generation += 1;
    for (const room of this.#rooms.values()) room.forget();
  }

  #planned(): Planner {
    if (!this.#planner) throw new Error("The SQL parser is not loaded yet.");
    return this.#planner;
  }

  #room(identity: string): Room {
    return this.#rooms.get(identity) ?? new Room(0);
  }
}

/** What is known under one identity. */
class Room implements Knowledge {
  readonly version: number;
  readonly plans = new Map<string, Plan>();
  readonly #tables = new Map<string, TableFacts | null>();
  readonly #volatile = new Map<string, boolean>();

  constructor(version: number) {
    this.version = version;
  }

  facts({ schema, name }: TableRef): TableFacts | null | undefined {
    return this.#tables.get(JSON.stringify([schema, name]));
  }

  volatile(calls: readonly string[]): boolean | undefined {
    return this.#volatile.get(calls.join("\n"));
  }

  learnTable({ schema, name }: TableRef, facts: TableFacts | null): void {
    this.#tables.set(JSON.stringify([schema, name]), facts);
  }

  learnVolatile(calls: readonly string[], volatile: boolean): void {
    this.#volatile.set(calls.join("\n"), volatile);
  }

  forget(): void {
    this.plans.clear();
    this.#tables.clear();
    this.#volatile.clear();
  }
}

/** Keeps an entry; the oldest one goes when there are too many. */
function keep<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.set(key, value);
  if (map.size <= MAX_TEXTS) return;
  const oldest = map.keys().next();
  if (!oldest.done) map.delete(oldest.value);
}
