/**
 * Captures the rows of a TypeORM DataSource.
 *
 * In: a DataSource, initialised or not. Out: row events, for what is committed and for nothing else.
 * The shared half: which tables, whose rows, in which names. How changed rows show in a database is the
 * business of its family.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import { AuditError } from "../../errors.js";
import { fault, guarded } from "../../health.js";
import type { Emit, Undo } from "../capture.js";
import type { RowEvent } from "../event.js";
import { mayHaveAudited } from "./declared.js";
import type { Decorations } from "./entity.js";
import { familyOf } from "./families.js";
import type { Blind, ChangeSink, Family, FamilyLimits, RowChange, RowOutcome, TableScope } from "./family.js";
import { checkFields } from "./fields.js";
import { watchLifetime } from "./lifetime.js";
import { Outbox, type OutboxErrors, type OutboxOptions } from "./outbox/outbox.js";
import { outboxTable } from "./outbox/store.js";
import { captureReads } from "./reads.js";
import { readEvent, rowEvents, type Surroundings } from "./rows.js";
import { Tables } from "./tables.js";

/** How the rows of a DataSource are captured. */
export interface RowCaptureOptions extends Partial<FamilyLimits>, Surroundings {
  /** Tables of decorated entities (and their join, closure and inheritance tables), or all. Default `"decorated"`. */
  readonly tables?: "decorated" | "all";
  /** `"portable"`: by query builders only, whatever the driver. Default `"auto"`. */
  readonly capture?: "auto" | "portable" | undefined;
  /** What decorators say of a class. */
  readonly decorations: Decorations;
  /** The way to capture. Default: by the driver. */
  readonly family?: Family | undefined;
  /** Records are committed with the changes, to a table. Default: they are told from memory after the COMMIT. */
  readonly outbox?: OutboxChoice | undefined;
}

/** Which table, and the way of its records to the log. */
export interface OutboxChoice extends Pick<OutboxOptions, "emit" | "settled"> {
  /** `name` or `schema.name`. */
  readonly table: string;
  readonly create: boolean;
  readonly onError: OutboxErrors;
  /** The event's record as one line, redacted; `null` if there is nothing to record. */
  readonly line: (event: RowEvent) => string | null;
}

/** What is known of an attached DataSource, for `audit.coverage()`. */
export interface RowCoverage {
  /** The driver, as `dataSource.options.type` has it. */
  readonly database: string;
  /** How its rows are captured: the exact way of its family, or `portable`. */
  readonly family: Family["name"];
  /** What cannot be seen, one sentence an item. */
  readonly blind: Blind;
  /** Names of the audited entities; empty until the DataSource is initialised. */
  readonly entities: readonly string[];
  /** `"outbox"`: a record is committed with its change. `"memory"`: it is told after the COMMIT. */
  readonly consistency: "memory" | "outbox";
  /** True while rows are being captured. */
  readonly active: boolean;
}

/** A running capture. */
export interface RowCapture {
  readonly undo: Undo;
  /** Waits until what is committed in the outbox is on file; false if that takes too long. */
  drain(timeoutMs: number): Promise<boolean>;
  /** Settles when nothing of it runs any more, after `undo`. */
  ended(): Promise<void>;
  coverage(): RowCoverage;
  /** Whether the DataSource has been initialised, so that its entities are known. */
  known(): boolean;
  /** Whether the class is an entity of this DataSource whose rows are recorded. */
  has(target: Function): boolean;
}

/** What no family sees: `initialize()` runs them before there is anything to attach to. */
const blindToAll: Blind = [
  "Rows that migrations change while `initialize()` runs them, and all before the attach.",
];

const DEFAULTS: FamilyLimits = { maxRowsPerStatement: 1000, maxImageBytes: 64 * 1024 * 1024, prepare: false };

/**
 * Starts on an initialised DataSource at once, on another when it is initialised, and again after it was
 * destroyed and initialised anew. `undo` stops for good, and gives everything back.
 *
 * @throws {AuditError} `AUDIT_DATABASE_UNSUPPORTED`: not an SQL database
 * @throws {AuditError} `AUDIT_PEER_MISSING`: the way of this database needs a package that is not installed
 * @throws {AuditError} `AUDIT_FIELD_UNKNOWN`: a decorator names a field that the entity does not have
 */
export function captureDataSource(
  dataSource: DataSource,
  emit: Emit,
  options: RowCaptureOptions,
): RowCapture {
  const family = options.family ?? familyOf(dataSource, options.capture);
  const { outbox: choice } = options;
  if (choice && !family.outbox) throw new AuditError("AUDIT_OUTBOX_UNSUPPORTED", [dataSource.options.type]);
  const limits: FamilyLimits = {
    maxRowsPerStatement: options.maxRowsPerStatement ?? DEFAULTS.maxRowsPerStatement,
    maxImageBytes: options.maxImageBytes ?? DEFAULTS.maxImageBytes,
    prepare: options.prepare ?? DEFAULTS.prepare,
  };
  let tables: Tables | undefined;
  let stop: Undo | undefined;
  let outbox: Outbox | undefined;
  const ending = new Set<Promise<void>>();

  const openOutbox = (known: Tables): Outbox | undefined => {
    if (!choice || !family.outbox) return undefined;
    const { emit: emitLine, settled, onError, line } = choice;
    const lines = (changes: readonly RowChange[], transactionId: string, outcome: RowOutcome): string[] => {
      const surroundings = { now: options.now, newTransactionId: () => transactionId };
      const events = (): string[] =>
        rowEvents(changes, outcome, known, surroundings).flatMap((event) => line(event) ?? []);
      return guarded("capture.rows", events) ?? [];
    };
    const store = family.outbox(dataSource, outboxTable(choice.table, choice.create));
    return new Outbox(store, { emit: emitLine, settled, onError, lines, newId: options.newTransactionId });
  };
  const endOutbox = (): void => {
    const ended = outbox?.stop().catch((error: unknown) => fault("outbox.relay", error));
    outbox = undefined;
    if (!ended) return;
    ending.add(ended);
    void ended.then(() => ending.delete(ended));
  };

  const start = (): void => {
    const known = new Tables(dataSource, options.decorations, options.tables ?? "decorated");
    checkFields(dataSource, options.decorations);
    tables = known;
    if (known.empty) return;
    const sink: ChangeSink = {
      committed: (changes, outcome) => {
        guarded("capture.rows", () => {
          for (const event of rowEvents(changes, outcome, known, options)) emit(event);
        });
      },
    };
    outbox = openOutbox(known);
    const scope = choice ? without(known, choice.table) : known;
    let stopRows: Undo;
    try {
      stopRows = family.start(dataSource, sink, scope, limits, outbox);
    } catch (error) {
      endOutbox();
      throw error;
    }
    const stopReads = captureReads(
      dataSource,
      ({ target }) => typeof target === "function" && options.decorations(target)?.options.reads === true,
      (read) => emit(readEvent(read, known, options.now)),
    );
    stop = () => {
      stopReads();
      stopRows();
      endOutbox();
    };
  };
  const end = (): void => {
    stop?.();
    stop = undefined;
  };

  if (dataSource.isInitialized) start();
  else if (options.tables === "all" || mayHaveAudited(dataSource, options.decorations)) {
    family.check?.(choice && outboxTable(choice.table, choice.create));
  }
  const unwatch = watchLifetime(dataSource, {
    // Within `initialize()` the application's start is ours to report to, not to break.
    initialized: () => {
      try {
        start();
      } catch (error) {
        fault("capture.attach", error);
      }
    },
    destroying: end,
  });
  return {
    undo: () => {
      unwatch();
      end();
    },
    drain: async (timeoutMs) => (await outbox?.drain(timeoutMs)) ?? true,
    ended: async () => void (await Promise.all(ending)),
    coverage: () => ({
      database: dataSource.options.type,
      family: family.name,
      blind: [...family.blind, ...(choice ? (family.besideOutbox ?? []) : []), ...blindToAll],
      entities: [...new Set(tables?.targets())].map((target) => target.name),
      consistency: choice ? "outbox" : "memory",
      active: stop !== undefined,
    }),
    known: () => tables !== undefined,
    has: (target) => [...(tables?.targets() ?? [])].includes(target),
  };
}

/** What is recorded, but for our own table: `tables: "all"` would find it. */
function without(scope: TableScope, table: string): TableScope {
  const { name } = outboxTable(table, false);
  return { includes: (one) => one.name !== name && scope.includes(one) };
}

/** Whether the target is a TypeORM DataSource of whatever copy of TypeORM. */
export function isDataSource(target: unknown): target is DataSource {
  const one = target as Partial<Record<keyof DataSource, unknown>> | null;
  return (
    typeof one === "object" &&
    one !== null &&
    typeof one.initialize === "function" &&
    typeof one.createQueryRunner === "function" &&
    typeof one.driver === "object"
  );
}
