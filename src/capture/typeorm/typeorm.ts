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
import { fault, guarded } from "../../health.js";
import type { Emit, Undo } from "../capture.js";
import type { Decorations } from "./entity.js";
import { familyOf } from "./families.js";
import type { Blind, Family, FamilyLimits } from "./family.js";
import { checkFields } from "./fields.js";
import { watchLifetime } from "./lifetime.js";
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
}

/** What is known of an attached DataSource, for `audit.coverage()`. */
export interface RowCoverage {
  /** The driver, as `dataSource.options.type` has it. */
  readonly database: string;
  readonly family: Family["name"];
  /** What cannot be seen, one sentence an item. */
  readonly blind: Blind;
  /** Names of the audited entities; empty until the DataSource is initialised. */
  readonly entities: readonly string[];
  /** True while rows are being captured. */
  readonly active: boolean;
}

/** A running capture. */
export interface RowCapture {
  readonly undo: Undo;
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

const DEFAULTS: FamilyLimits = { maxRowsPerStatement: 1000, maxImageBytes: 64 * 1024 * 1024 };

/**
 * Starts on an initialised DataSource at once, on another when it is initialised, and again after it was
 * destroyed and initialised anew. `undo` stops for good, and gives everything back.
 *
 * @throws {AuditError} `AUDIT_DATABASE_UNSUPPORTED`: not an SQL database
 * @throws {AuditError} `AUDIT_FIELD_UNKNOWN`: a decorator names a field that the entity does not have
 */
export function captureDataSource(
  dataSource: DataSource,
  emit: Emit,
  options: RowCaptureOptions,
): RowCapture {
  const family = options.family ?? familyOf(dataSource, options.capture);
  const limits: FamilyLimits = {
    maxRowsPerStatement: options.maxRowsPerStatement ?? DEFAULTS.maxRowsPerStatement,
    maxImageBytes: options.maxImageBytes ?? DEFAULTS.maxImageBytes,
  };
  let tables: Tables | undefined;
  let stop: Undo | undefined;

  const start = (): void => {
    const known = new Tables(dataSource, options.decorations, options.tables ?? "decorated");
    checkFields(dataSource, options.decorations);
    tables = known;
    if (known.empty) return;
    const sink = {
      committed: (changes: Parameters<typeof rowEvents>[0], outcome: "success" | "unknown"): void => {
        guarded("capture.rows", () => {
          for (const event of rowEvents(changes, outcome, known, options)) emit(event);
        });
      },
    };
    const stopRows = family.start(dataSource, sink, known, limits);
    const stopReads = captureReads(
      dataSource,
      ({ target }) => typeof target === "function" && options.decorations(target)?.options.reads === true,
      (read) => emit(readEvent(read, known, options.now)),
    );
    stop = () => {
      stopReads();
      stopRows();
    };
  };
  const end = (): void => {
    stop?.();
    stop = undefined;
  };

  if (dataSource.isInitialized) start();
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
    coverage: () => ({
      database: dataSource.options.type,
      family: family.name,
      blind: [...family.blind, ...blindToAll],
      entities: [...new Set(tables?.targets())].map((target) => target.name),
      active: stop !== undefined,
    }),
    known: () => tables !== undefined,
    has: (target) => [...(tables?.targets() ?? [])].includes(target),
  };
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
