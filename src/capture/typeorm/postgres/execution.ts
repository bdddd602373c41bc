/**
 * One text under way on one connection: what its plan says of each statement, and the rows seen so far.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import { FIRST_ROWS, type StatementChanges } from "../bulk.js";
import type {
  ColumnImage,
  FamilyLimits,
  ManyRowsChange,
  Parameter,
  RowChange,
  TableName,
} from "../family.js";
import { boundParameters } from "../parameters.js";
import { UNKNOWN_TABLE, type CountTelling, type Plan, type RowTelling, type Telling } from "./plan.js";
import type { Verb } from "./read.js";

/** A server's answer to one statement: `INSERT 0 3`, `UPDATE 3`, `COMMIT`. */
export interface Tag {
  readonly command: string;
  readonly rows: number | null;
}

export function readTag(text: string): Tag {
  const [, command = text, rows] = /^([A-Z ]*[A-Z])(?: \d+)?(?: (\d+))?$/.exec(text) ?? [];
  const single = /^[A-Z ]+ (\d+)$/.exec(text)?.[1];
  const count = rows ?? single;
  return { command, rows: count === undefined ? null : Number(count) };
}

interface RawRow {
  readonly before: string | null;
  readonly after: string | null;
}

export class Execution {
  readonly plan: Plan;
  readonly context: AuditContext | undefined;
  readonly #limits: FamilyLimits;
  readonly #values: readonly unknown[];
  #index = 0;
  #rows: RawRow[] = [];
  #count = { insert: 0, update: 0, delete: 0 };
  #bytes = 0;
  /** An error was answered. */
  failed = false;
  /** The statement has run, and not all of its rows were asked for yet. */
  suspended = false;
  /** How many rows the last statement says it changed. */
  affected: number | null = null;
  /** The images before of the rows of the last statement, if all of them were kept. */
  images: readonly string[] | null = null;
  /** It began outside of a transaction. */
  autocommit = false;

  /** @param values - what the text was sent with; looked at only where one entry stands for many rows */
  constructor(
    plan: Plan,
    context: AuditContext | undefined,
    limits: FamilyLimits,
    values: readonly unknown[] = [],
  ) {
    this.plan = plan;
    this.#values = values;
    this.context = context;
    this.#limits = limits;
  }

  /** What is told of the statement that is being answered. */
  get telling(): Telling {
    return this.plan.tellings[this.#index] ?? { how: "nothing" };
  }

  /** True if a statement that changes rows has not been answered to the end. */
  get pending(): boolean {
    return (
      !this.failed &&
      this.plan.tellings.slice(this.#index).some(({ how }) => how === "rows" || how === "count")
    );
  }

  /** Whether an error that is answered now can come from what we have put into the text. */
  get mayBeOurs(): boolean {
    return this.#index === 0 || this.telling.how === "rows";
  }

  /** Whether what the text has done so far may stay, whatever becomes of the rest. */
  get mayHaveCommitted(): boolean {
    return this.#answered.some(
      (telling) =>
        (telling.how === "control" && telling.statement.action === "commit") ||
        (telling.how === "control" && telling.statement.kind === "twoPhase") ||
        (telling.how === "count" && telling.commits === true),
    );
  }

  /** Whether the text has opened or closed transactions so far. */
  get hasControlled(): boolean {
    return this.#answered.some(({ how }) => how === "control");
  }

  get #answered(): readonly Telling[] {
    return this.plan.tellings.slice(0, this.#index);
  }

  sawRow(before: string | null, after: string | null): void {
    const { telling } = this;
    if (telling.how !== "rows") return;
    this.#count[operationOf(telling.verb, before)] += 1;
    this.#bytes += (before?.length ?? 0) + (after?.length ?? 0);
    const room =
      this.#rows.length < this.#limits.maxRowsPerStatement && this.#bytes <= this.#limits.maxImageBytes;
    if (room || this.#rows.length < FIRST_ROWS) this.#rows.push({ before, after });
  }

  /** The statement is answered: what it changed. */
  answered(tag: Tag): StatementChanges {
    const { telling } = this;
    const changes =
      telling.how === "rows"
        ? this.#rowChanges(telling)
        : telling.how === "count"
          ? this.#counted(telling, tag)
          : [];
    const bytes = this.#bytes;
    this.affected = tag.rows;
    this.images = this.#keptAll(telling) ? this.#rows.map(({ before }) => before ?? "") : null;
    this.#index += 1;
    this.suspended = false;
    this.#forgetRows();
    return { changes, statement: this.plan.statement, parameters: () => this.parameters(), bytes };
  }

  /** A portal that was closed before its last row: what was seen, and that there may be more. */
  interrupted(): StatementChanges {
    const { telling } = this;
    const seen = this.answered({ command: "", rows: null });
    if (telling.how !== "rows") return seen;
    return { ...seen, changes: [...seen.changes, this.#many(telling.facts.table, null, telling.verb)] };
  }

  #keptAll(telling: Telling): boolean {
    const { insert, update, delete: deleted } = this.#count;
    return telling.how === "rows" && insert + update + deleted === this.#rows.length;
  }

  #forgetRows(): void {
    this.#rows = [];
    this.#count = { insert: 0, update: 0, delete: 0 };
    this.#bytes = 0;
  }

  /** A change of which not even the table is known. */
  unknownTables(): ManyRowsChange {
    return this.#many(UNKNOWN_TABLE, null, null);
  }

  /** The values that the text was run with. */
  parameters(): readonly Parameter[] {
    return boundParameters(this.plan.given, this.#values, "postgres");
  }

  #rowChanges(telling: RowTelling): RowChange[] {
    const { facts, verb } = telling;
    if (this.#keptAll(telling)) {
      return this.#rows.map((row) => this.#rowChange(telling, row));
    }
    return (["insert", "update", "delete"] as const).flatMap((operation) => {
      const count = this.#count[operation];
      if (count === 0) return [];
      const first = this.#rows
        .filter(({ before }) => operationOf(verb, before) === operation)
        .slice(0, FIRST_ROWS)
        .map(({ before, after }) => facts.readImage(after ?? before ?? "{}"));
      return [this.#many(facts.table, count, operation, first)];
    });
  }

  #rowChange({ facts, verb }: RowTelling, row: RawRow): RowChange {
    const { table, readImage } = facts;
    const before = row.before === null ? null : readImage(row.before);
    const after = row.after === null ? null : readImage(row.after);
    const op = operationOf(verb, row.before);
    return { op, table, before, after, context: this.context } as RowChange;
  }

  #counted({ tables, verb }: CountTelling, tag: Tag): RowChange[] {
    if (tables.length === 0) {
      // Not even the text says what was done. The answer does, unless it is a procedure's.
      const changing = /^(INSERT|UPDATE|DELETE|MERGE|COPY|CALL|DO)$/.test(tag.command);
      return changing && tag.rows !== 0 ? [this.#many(UNKNOWN_TABLE, tag.rows, verb)] : [];
    }
    const truncated = tag.command === "TRUNCATE TABLE";
    // The count is of the outermost statement, which for a data-modifying CTE may be a SELECT.
    const counts = tables.length === 1 && /^(INSERT|UPDATE|DELETE|MERGE|COPY)$/.test(tag.command);
    if (counts && tag.rows === 0) return [];
    return tables.map((table) => {
      const many = this.#many(table, counts ? tag.rows : null, verb);
      return truncated ? { ...many, op: "truncate", statement: null, parameters: [] } : many;
    });
  }

  #many(
    table: TableName,
    rowCount: number | null,
    verb: Verb | null,
    first?: readonly ColumnImage[],
  ): ManyRowsChange {
    const { statement } = this.plan;
    const what = { op: "statement", table, before: null, after: null, rowCount, statement } as const;
    return {
      ...what,
      parameters: this.parameters(),
      ...(verb && { verb }),
      ...(first && { first }),
      context: this.context,
    };
  }
}

function operationOf(verb: Verb, before: string | null): Verb {
  return verb === "insert" && before !== null ? "update" : verb;
}
