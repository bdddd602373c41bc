/**
 * The records of one statement, as the triggers write them to the outbox while it runs: one a row, or, from the row on
 * that is one too many, one for all in their place.
 *
 * A statement outside of a transaction is committed with its last row, and nobody is told which row that is. So the
 * table holds what is true after each single row: up to the limit a record a row; past it one row, in which the
 * count is written anew each time. What a failure, a savepoint or a rollback undoes, SQLite takes from the table.
 *
 * @module
 */
import { currentContext } from "../../../context/context.js";
import { FIRST_ROWS } from "../bulk.js";
import type { FamilyLimits, OutboxTarget } from "../family.js";
import type { Values } from "../parameters.js";
import { manyRows, rowChange, type Literals, type Op } from "./changes.js";
import { readImage } from "./literal.js";
import type { CapturedTable } from "./triggers.js";

/** The rows of one table to which one thing was done. */
interface Group {
  readonly table: CapturedTable;
  readonly op: Op;
  count: number;
  /** As literals. */
  readonly first: string[];
}

/** The statement under way. */
interface Running {
  readonly sql: string;
  readonly values: Values | undefined;
  /** False: its end cannot be told from the next one's beginning, so that each row keeps its record. */
  readonly limited: boolean;
  rows: number;
  bytes: number;
  /** Its rows in the outbox. */
  readonly ids: string[];
  readonly groups: Map<string, Group>;
  many: boolean;
}

/** The one row of the outbox that stands for all rows of a statement. */
interface ManyRecord {
  /** It was given to a trigger, which asks for its id next. */
  given: boolean;
  id: string | null;
  /** The text without its counts: what stands between them, and in their places the group that is counted. */
  parts: readonly (string | Group)[] | null;
  /** The table has an older count. */
  stale: boolean;
}

/** A statement of the open transaction whose rows have a record each. */
interface Kept {
  /** Its last row in the outbox. */
  readonly id: string;
  readonly bytes: number;
}

const noRecord = (): ManyRecord => ({ given: false, id: null, parts: null, stale: false });

export class StatementRecords {
  readonly #target: OutboxTarget;
  readonly #limits: FamilyLimits;
  readonly #table: (id: number) => CapturedTable;
  /** Of the open transaction, once something of it is in the outbox. */
  #transactionId: string | null = null;
  #running: Running | null = null;
  #many = noRecord();
  /** Rows of the outbox in whose place one stands now. */
  readonly #replaced = new Set<string>();
  #kept: Kept[] = [];
  /** Bytes of all that is kept. */
  #held = 0;

  constructor(target: OutboxTarget, limits: FamilyLimits, table: (id: number) => CapturedTable) {
    this.#target = target;
    this.#limits = limits;
    this.#table = table;
  }

  /** What the triggers tell from now on is of this statement, or of several in one text. */
  begin(sql: string, values: Values | undefined, several: boolean): void {
    this.end();
    const groups = new Map<string, Group>();
    this.#running = { sql, values, limited: !several, rows: 0, bytes: 0, ids: [], groups, many: false };
    this.#many = noRecord();
    this.#replaced.clear();
  }

  /** The statement has ended, well or not. */
  end(): void {
    const { many, ids, bytes } = this.#running ?? { many: true, ids: [], bytes: 0 };
    const id = ids.at(-1);
    this.#running = null;
    if (many || id === undefined) return;
    this.#kept.push({ id, bytes });
    this.#held += bytes;
  }

  /** Something may have been undone in the open transaction: what it held of the byte budget is free again. */
  undone(isThere: (id: string) => boolean): void {
    for (let last = this.#kept.at(-1); last && !isThere(last.id); last = this.#kept.at(-1)) {
      this.#kept.pop();
      this.#held -= last.bytes;
    }
  }

  /** No transaction is open any more; true if there was something of it in the outbox. */
  settled(): boolean {
    const written = this.#transactionId !== null;
    this.#transactionId = null;
    this.#kept = [];
    this.#held = 0;
    return written;
  }

  /** What a trigger is to insert for one row, under `newId()`; `null` for nothing. */
  record(tableId: number, op: Op, images: Literals): string | null {
    const running = this.#running;
    if (!running?.limited) return this.#one(tableId, op, images);
    if (!running.many && this.#fits(running, images)) {
      this.#count(running, tableId, op, images);
      return this.#one(tableId, op, images);
    }
    running.many = true;
    if (this.#count(running, tableId, op, images)) this.#many.stale = true;
    if (this.#many.given) return null;
    const text = this.text();
    if (text === null) return null;
    this.#many.given = true;
    for (const id of running.ids.splice(0)) this.#replaced.add(id);
    return text;
  }

  newId(): string {
    const id = this.#target.newId();
    if (this.#running?.many) this.#many.id = id;
    else if (this.#running?.limited) this.#running.ids.push(id);
    return id;
  }

  /** The first row to be deleted. */
  takesFrom(): string | null {
    return this.#replaced.values().next().value ?? null;
  }

  /** Whether this row is to be deleted; asked once a row. */
  takes(id: string): string | null {
    return this.#replaced.delete(id) ? id : null;
  }

  /** Which row is to be written anew, by `text()`. */
  staleId(): string | null {
    return this.#many.stale ? this.#many.id : null;
  }

  /** The one record for all rows, or those for each table and operation; `null` where nothing is to be recorded. */
  text(): string | null {
    this.#many.parts ??= this.#makeParts();
    this.#many.stale = false;
    return (
      this.#many.parts?.map((part) => (typeof part === "string" ? part : String(part.count))).join("") ?? null
    );
  }

  #one(tableId: number, op: Op, images: Literals): string | null {
    const change = rowChange(this.#table(tableId), op, images, currentContext());
    return change && this.#target.records([change], this.#transaction());
  }

  #transaction(): string {
    return (this.#transactionId ??= this.#target.newId());
  }

  /** Counts one more row, and whether it is within the limits. */
  #fits(running: Running, { old, now }: Literals): boolean {
    running.rows += 1;
    running.bytes += 2 * ((old?.length ?? 0) + (now?.length ?? 0));
    if (running.rows > this.#limits.maxRowsPerStatement) return false;
    return this.#held + running.bytes <= this.#limits.maxImageBytes;
  }

  /** False for an update that changed nothing. */
  #count({ groups }: Running, tableId: number, op: Op, { old, now }: Literals): boolean {
    if (old === now) return false;
    const key = `${op}${tableId}`;
    let group = groups.get(key);
    if (!group) groups.set(key, (group = { table: this.#table(tableId), op, count: 0, first: [] }));
    group.count += 1;
    if (group.first.length < FIRST_ROWS) {
      group.first.push((op === "d" ? old : now)!);
      this.#many.parts = null;
    }
    return true;
  }

  /*
   * A record takes much longer to make than to write, and from the twentieth row on only its count is another. So it is
   * made with a number in place of the count that stands nowhere else in it: of twelve digits by chance, which is
   * no card number, that redaction would hide.
   */
  #makeParts(): readonly (string | Group)[] | null {
    const { sql, values, groups } = this.#running!;
    if (groups.size === 0) return null;
    const context = currentContext();
    const base = Math.floor((1 + 8 * Math.random()) * 1e11);
    const counted = new Map([...groups.values()].map((group, index) => [String(base + index), group]));
    const changes = [...counted].map(([marker, { table, op, first }]) =>
      manyRows({
        table,
        op,
        rowCount: Number(marker),
        first: first.map((literals) => readImage(table.columns, literals)),
        sql,
        values,
        context,
      }),
    );
    const text = this.#target.records(changes, this.#transaction());
    if (text === null) return null;
    return text
      .split(new RegExp(`(${[...counted.keys()].join("|")})`))
      .map((part) => counted.get(part) ?? part);
  }
}
