/**
 * The options of `audit.start()`: checked once, then frozen.
 *
 * @module
 */
import * as v from "valibot";
import { callback, checked, orFalse } from "./check.js";
import type { ActorLike } from "./context/actor.js";
import type { ExternalDetail } from "./context/context.js";
import { requestOptionsSchema, type FromRequest, type RequestOptions } from "./capture/http/options.js";
import {
  outboundOptionsSchema,
  type CheckedOutboundOptions,
  type OutboundOptions,
} from "./capture/outbound/options.js";
import type { RedactionPolicy } from "./record/redactor.js";

/** How much is written of calls to other services, by service. */
export interface ExternalOptions {
  /** For services that are not named. Default `"full"`. */
  readonly default?: ExternalDetail | undefined;
  /**
   * By the name that stands as `service_name`; holds whatever the code says of that service. Default none.
   */
  readonly services?: Readonly<Record<string, ExternalDetail>> | undefined;
}

/** How sure it is that a committed change has its record. */
export interface ConsistencyOptions {
  /**
   * `"memory"`: the record is told after the COMMIT, so that a process killed in between takes it along. `"outbox"`: the
   * record is committed with the change, in a table of the same database, and written to the log from there, at least
   * once, also after a crash. Default `"memory"`. For PostgreSQL, MySQL, MariaDB and SQLite (`sqljs`, `better-sqlite3`).
   */
  readonly consistency?: "memory" | "outbox" | undefined;
  /** The outbox table, `name` or `schema.name`. Default `"audit_outbox"`. */
  readonly outboxTable?: string | undefined;
  /** `false`: the table is made by a migration of yours; without it `AUDIT_OUTBOX_MISSING` is reported. Default `true`. */
  readonly createOutbox?: boolean | undefined;
  /**
   * When a record cannot be written to the table: `"record"` commits the change all the same, and tells the record as
   * with `"memory"`; `"fail"` rolls back, and the application gets `AUDIT_OUTBOX_FAILED`. Default `"record"`.
   */
  readonly onOutboxError?: "record" | "fail" | undefined;
}

/** How row changes are captured. */
export interface RowOptions extends ConsistencyOptions {
  /**
   * `"auto"`: the exact way of the database's family. `"portable"`: through TypeORM's query builders only, with no
   * statement rewritten and no trigger made; `audit.coverage()` says what that cannot see. Default `"auto"`.
   */
  readonly capture?: "auto" | "portable" | undefined;
  /** Beyond this many rows of one statement, one record stands for all of them. Default 1000. */
  readonly maxRowsPerStatement?: number | undefined;
  /** How many bytes of row images one open transaction may hold; what is beyond is counted. Default 64 MiB. */
  readonly maxImageBytes?: number | undefined;
  /**
   * PostgreSQL: whether a rewritten statement that comes again is prepared by name, so that the server does not plan the longer
   * text each time. Faster; but where another session changes a column's type meanwhile, such a statement can fail
   * within a transaction ("cached plan must not change result type"), which it would not do without us. Default `false`.
   */
  readonly prepare?: boolean | undefined;
}

/** How operations over SFTP are recorded. */
export interface SftpCallOptions {
  /**
   * An operation is recorded with outcome `unknown` when the server has given no sign for this long, in seconds. The
   * operation itself is left alone. Default 300.
   */
  readonly unknownAfter?: number | undefined;
}

/**
 * What `audit.start()` takes.
 *
 * @example
 * audit.start({
 *   serviceName: "review_board",
 *   actor: (request) => request.user,
 *   requests: { skip: ["health"], bodyLimit: 16_384 },
 *   redact: { mask: ["phone"], detect: true },
 * });
 */
export interface AuditOptions {
  /** Written as `service_name` on every record. */
  readonly serviceName: string;
  /** `false`: nothing is recorded, nothing is wrapped. For tests and for a switch in the environment. Default `true`. */
  readonly enabled?: boolean | undefined;
  /**
   * Who acts, from a framework's request; read whenever a record is made, so after authentication. Default: nobody.
   * A function that throws is counted in `audit.health()`, and nobody is named.
   */
  readonly actor?: FromRequest<ActorLike> | undefined;
  /** Requests that come in; `false` records none. Default: all, whole. */
  readonly requests?: RequestOptions | false | undefined;
  /** Row changes; `false` records none. Default: those of decorated entities. */
  readonly rows?: RowOptions | false | undefined;
  /** Calls to other services: how much is written of all, or of each service. Default `"full"`. */
  readonly external?: ExternalDetail | ExternalOptions | undefined;
  /**
   * Calls to other services by `fetch`, undici and `node:http`, wherever in the process they are made; `true` records
   * all of them. What axios sends is recorded as axios's call, and not again. Default `false`.
   */
  readonly outbound?: OutboundOptions | boolean | undefined;
  /** Operations over SFTP. Default `{}`. */
  readonly sftp?: SftpCallOptions | undefined;
  /** What is hidden beyond the default list of names. Redaction itself cannot be switched off. */
  readonly redact?: RedactionPolicy | undefined;
  /** The application's own fields for every record. Default none. */
  readonly extra?: Readonly<Record<string, unknown>> | undefined;
}

const count = (unit: string) => {
  const sentence = `a whole number of ${unit}, at least 1`;
  return v.pipe(v.number(sentence), v.integer(sentence), v.minValue(1, sentence));
};
const seconds = "a number of seconds, from 0.1 to 86400";
const names = v.optional(v.array(v.string(), "a list of names"));

/** `ConsistencyOptions`; what is not said is not filled in, so that an attach may leave it to the start. */
export const consistencySchema = {
  consistency: v.optional(v.picklist(["memory", "outbox"], '"memory" or "outbox"')),
  outboxTable: v.optional(
    v.pipe(v.string("a name"), v.regex(/^[^.]+(?:\.[^.]+)?$/u, "`name` or `schema.name`")),
  ),
  createOutbox: v.optional(v.boolean("true or false")),
  onOutboxError: v.optional(v.picklist(["record", "fail"], '"record" or "fail"')),
};

const externalDetail = v.union(
  [v.literal(false), v.picklist(["metadata", "full"])],
  'false, "metadata" or "full"',
);
const externalSchema = v.strictObject({
  default: v.optional(externalDetail, "full"),
  services: v.optional(v.record(v.string(), externalDetail), {}),
});

const schema = v.strictObject({
  serviceName: v.pipe(v.string("a name"), v.nonEmpty("a name")),
  enabled: v.optional(v.boolean(), true),
  actor: v.optional(callback<FromRequest<ActorLike>>(), () => () => null),
  requests: v.optional(orFalse(requestOptionsSchema), {}),
  rows: v.optional(
    orFalse(
      v.strictObject({
        capture: v.optional(v.picklist(["auto", "portable"], '"auto" or "portable"'), "auto"),
        maxRowsPerStatement: v.optional(count("rows"), 1000),
        maxImageBytes: v.optional(count("bytes"), 64 * 1024 * 1024),
        prepare: v.optional(v.boolean("true or false"), false),
        ...consistencySchema,
      }),
    ),
    {},
  ),
  external: v.optional(
    v.pipe(
      v.lazy((input) => (typeof input === "object" ? externalSchema : externalDetail)) as v.GenericSchema<
        ExternalDetail | ExternalOptions
      >,
      v.transform((said) => v.parse(externalSchema, typeof said === "object" ? said : { default: said })),
    ),
    "full",
  ),
  outbound: v.optional(
    v.pipe(
      v.lazy((input) =>
        typeof input === "object" ? outboundOptionsSchema : v.boolean("true, false or an object"),
      ) as v.GenericSchema<boolean | OutboundOptions, boolean | CheckedOutboundOptions>,
      v.transform((said) => (said === true ? v.parse(outboundOptionsSchema, {}) : said)),
    ),
    false,
  ),
  sftp: v.optional(
    v.strictObject({
      unknownAfter: v.optional(
        v.pipe(v.number(seconds), v.minValue(0.1, seconds), v.maxValue(86_400, seconds)),
        300,
      ),
    }),
    {},
  ),
  redact: v.optional(
    v.strictObject({
      redact: names,
      mask: names,
      pseudonymise: names,
      pseudonymKey: v.optional(v.union([v.string(), v.instance(Uint8Array)], "a text or bytes")),
      keep: names,
      // Which kinds there are is checked where they are known.
      detect: v.optional(v.union([v.boolean(), v.array(v.string())], "true, false or a list of kinds")),
      limits: v.optional(v.looseObject({})),
    }),
    {},
  ),
  extra: v.optional(v.looseObject({}, "an object"), {}),
});

/** The options with every default filled in. */
export type CheckedOptions = ReturnType<typeof checkOptions>;

/** @throws {AuditError} `AUDIT_OPTION_UNKNOWN`, `AUDIT_OPTION_INVALID` */
export function checkOptions(options: AuditOptions) {
  const read = checked("audit.start", schema, options);
  return Object.freeze({ ...read, redact: read.redact as RedactionPolicy });
}

/**
 * How much is written of a service's calls: as the options name the service, else as the code says, else as for all.
 *
 * @param inCode - what the decorator or `audit.attach` says
 */
export function externalDetailOf(
  { external }: Pick<CheckedOptions, "external">,
  service: string,
  inCode: ExternalDetail | undefined,
): ExternalDetail {
  const named = Object.hasOwn(external.services, service) ? external.services[service] : undefined;
  return named ?? inCode ?? external.default;
}
