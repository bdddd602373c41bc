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

/** So many short texts are kept. */
const MAX_TEXTS = 5000;
/**
 * Characters of the plans that are kept, under all identities together: an application has some hundreds of short texts, but
 * one that writes its values into them, or has a role a tenant, has ever new ones.
 */
const MAX_CHARACTERS = 32 * 1024 * 1024;
/** What a plan takes beside its texts, with its part of what is known of tables. */
const PLAN_CHARACTERS = 1000;

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
  /** All plans that are kept, the oldest first, each with its identity. */
  readonly #kept = new Map<Plan, string>();
  #characters = 0;
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

  /** The way to run a text, or what must be learned first. */
  plan(text: string, identity: string): Plan | Missing {
    const room = this.#room(identity);
    const known = room.plans.get(text);
    if (known) return known;
    const plan = this.#planned().plan(text, room);
    if (!("tables" in plan) && !room.forgetAbsent()) this.#keep(identity, plan);
    return plan;
  }

  planAsItIs(text: string, identity: string | null): Plan {
    return this.#planned().planAsItIs(text, identity === null ? new Room(0) : this.#room(identity));
  }

  /**
   * True if a text steers the transaction or the session, or defines, and does nothing else: it needs no table to be known. And
   * nothing may be asked: SET TRANSACTION must come before any query of its transaction.
   */
  isControl(text: string): boolean {
    if (text.length > 200) return false;
    let control = this.#controls.get(text);
    if (control === undefined) {
      const statements = this.#parser ? readStatements(this.#parser, text) : null;
      control = statements?.every(({ kind }) => needsNoTable.test(kind)) ?? false;
      this.#controls.set(text, control);
      if (this.#controls.size > MAX_TEXTS) this.#controls.delete(this.#controls.keys().next().value!);
    }
    return control;
  }

  /** From now on this text is run as it is: rewritten, the server refused it. */
  giveUp(text: string, identity: string | null, error: unknown): void {
    fault("capture.postgres_rewrite", error);
    if (identity !== null) this.#keep(identity, this.planAsItIs(text, identity));
  }

  /** @param generation - the one in which it was asked: what was true before is not learned after */
  learnTable(identity: string, table: TableRef, json: string | null, generation: number): void {
    const facts = json === null ? null : factsOf(json, this.#options.defaultSchema);
    if (generation === this.generation) this.#room(identity).learnTable(table, facts);
  }

  /** @param generation - as for `learnTable` */
  learnVolatile(identity: string, calls: readonly string[], volatile: boolean, generation: number): void {
    if (generation === this.generation) this.#room(identity).learnVolatile(calls, volatile);
  }

  /** Tables were created, altered or dropped. */
  forgetTables(): void {
    this.generation += 1;
    this.#rooms.clear();
    this.#kept.clear();
    this.#characters = 0;
  }

  /** A session is not the same any more: its temporary tables may be gone, and are under no other identity. */
  leave(identity: string | null): void {
    if (identity?.includes("pg_temp_")) this.#rooms.delete(identity);
  }

  #keep(identity: string, plan: Plan): void {
    this.#room(identity).plans.set(plan.given, plan);
    this.#kept.set(plan, identity);
    this.#characters += charactersOf(plan);
    for (const [oldest, of] of this.#kept) {
      if (this.#characters <= MAX_CHARACTERS || oldest === plan) return;
      this.#kept.delete(oldest);
      this.#characters -= charactersOf(oldest);
      const room = this.#rooms.get(of);
      if (room?.plans.get(oldest.given) === oldest) room.plans.delete(oldest.given);
      if (room?.plans.size === 0) this.#rooms.delete(of);
    }
  }

  #planned(): Planner {
    if (!this.#planner) throw new Error("The SQL parser is not loaded yet.");
    return this.#planner;
  }

  #room(identity: string): Room {
    let room = this.#rooms.get(identity);
    if (!room) {
      room = new Room(versionOf(identity));
      this.#rooms.set(identity, room);
    }
    return room;
  }
}

/** The key of what is learned under this role and search path, and whether foreign keys act. */
export function identityOf(user: string, schemas: string, replication: string, version: number): string {
  return JSON.stringify([user, schemas, replication, version]);
}

const versionOf = (identity: string): number => (JSON.parse(identity) as unknown[]).at(-1) as number;

const charactersOf = ({ given, text }: Plan): number => given.length + text.length + PLAN_CHARACTERS;

const needsNoTable = /^(?:control|twoPhase|session|definition|other)$/;

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

  /** Another process may make a table that was not there, of which we do not hear; so it is asked for each time. */
  forgetAbsent(): boolean {
    const absent = [...this.#tables].filter(([, facts]) => facts === null);
    for (const [key] of absent) this.#tables.delete(key);
    return absent.length > 0;
  }

  learnVolatile(calls: readonly string[], volatile: boolean): void {
    this.#volatile.set(calls.join("\n"), volatile);
  }
}
