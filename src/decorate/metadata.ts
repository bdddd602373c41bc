/**
 * What decorators attach: frozen facts about classes, methods and properties, and nothing that acts.
 *
 * Kept in one store on `globalThis`, keyed by the class or function itself, so that two copies of this
 * package in one process (a bundler's and the application's) still see one set of decorations, and so that
 * two classes of the same name are never mistaken for each other.
 *
 * @module
 */

/** What `@AuditEntity(options)` says. `Row` is the entity, so that field names are checked. */
export interface AuditEntityOptions<Row extends object = any> {
  /** The name written as `model`. Default: the class's name. */
  readonly model?: string;
  /** Fields that are left out of every record; a change of these alone makes no record. Default none. */
  readonly exclude?: readonly FieldOf<Row>[];
  /** If given, only these fields are written. Not together with `exclude`. Default: all fields. */
  readonly include?: readonly FieldOf<Row>[];
  /** Fields written in part: enough to recognise the value, not to know it. Default none. */
  readonly mask?: readonly FieldOf<Row>[];
  /** Fields whose value is written as `[REDACTED]`. Default none. */
  readonly redact?: readonly FieldOf<Row>[];
  /**
   * Makes `instance_label`, for people, from the row. A throw is counted and gives no label. Default: no label.
   */
  readonly label?: (row: Row) => string;
  /** Records reads too: one READ record a query. Default `false`. */
  readonly reads?: boolean;
}

/** The names of the fields of an entity: its properties that are not methods. */
export type FieldOf<Row> = {
  [Key in keyof Row & string]-?: NonNullable<Row[Key]> extends (...args: never[]) => unknown ? never : Key;
}[keyof Row & string];

/** What `@AuditRoute(options)` says. */
export interface AuditRouteOptions {
  /** `noun.verb`, for example `patient.admit`. Default: no action. */
  readonly action?: string;
  /**
   * The line of the activity feed, for people: `admitted patient {params.id}`. Placeholders name a value of the
   * request by its path: `params`, `query`, `body` or `user`. Stands in `extra.activity`. Default: no such
   * line.
   */
  readonly activity?: string;
  /** Whether the record has the bodies. Default: as `audit.start` says. */
  readonly bodies?: boolean;
  /** Whether the record has the headers. Default: as `audit.start` says. */
  readonly headers?: boolean;
  /** The application's own fields for the request's record. Default none. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What `@ExternalService(name, options)` says beside the name. */
export interface ExternalServiceOptions {
  /** How much is written of this service's calls. Default: as `audit.start({ external })` says. */
  readonly log?: false | "metadata" | "full";
}

/** What is attached to an entity class. */
export interface EntityMetadata {
  readonly target: Function;
  readonly options: AuditEntityOptions;
  /** Properties with `@AuditIgnore()`, inherited ones included. */
  readonly ignored: ReadonlySet<string>;
  /** Properties with `@AuditMask()`, inherited ones included. */
  readonly masked: ReadonlySet<string>;
}

/** What is attached to a route handler: the class's and the method's options merged, or an opt-out. */
export interface RouteMetadata {
  readonly options: AuditRouteOptions;
  /** `@NoAudit()`. */
  readonly skipped: boolean;
}

/** What is attached to a class that calls out. */
export interface ServiceMetadata {
  readonly target: Function;
  readonly name: string;
  readonly options: ExternalServiceOptions;
}
