/**
 * What can be attached by `audit.attach()`, and what may be said of it.
 *
 * @module
 */
import * as v from "valibot";
import { checked } from "./check.js";
import type { ExternalDetail } from "./context/context.js";
import { serviceOptionsSchema } from "./decorate/options.js";
import { consistencySchema, type ConsistencyOptions } from "./options.js";

/** For a TypeORM DataSource. What is said here comes before what `audit.start()` was told. */
export interface AttachDataSourceOptions extends ConsistencyOptions {
  /**
   * `"decorated"`: tables of entities with `@AuditEntity`, with their join, closure and inheritance tables.
   * `"all"`: every table. Default `"decorated"`.
   */
  readonly tables?: "decorated" | "all" | undefined;
  /** As `rows.capture` of `audit.start()`, for this DataSource. Default: as that says. */
  readonly rows?: "auto" | "portable" | undefined;
}

/** For an axios instance or an ssh2-sftp-client. */
export interface AttachClientOptions {
  /** Written as `service_name` of its calls. */
  readonly service: string;
  /** How much is written of them. Default: as `audit.start({ external })` says. */
  readonly log?: ExternalDetail | undefined;
}

/** What may be said of a target; which, depends on the target. */
export type AttachOptions<Target> = Target extends { createQueryRunner: unknown }
  ? AttachDataSourceOptions
  : AttachClientOptions;

const dataSourceSchema = v.strictObject({
  tables: v.optional(v.picklist(["decorated", "all"], '"decorated" or "all"'), "decorated"),
  rows: v.optional(v.picklist(["auto", "portable"], '"auto" or "portable"')),
  ...consistencySchema,
});

const clientSchema = v.strictObject({
  service: v.pipe(v.string("a name"), v.nonEmpty("a name")),
  ...serviceOptionsSchema.entries,
});

/** @throws {AuditError} `AUDIT_OPTION_UNKNOWN`, `AUDIT_OPTION_INVALID` */
export function dataSourceOptions(options: unknown) {
  return checked("audit.attach", dataSourceSchema, options ?? {});
}

/** @throws {AuditError} `AUDIT_OPTION_UNKNOWN`, `AUDIT_OPTION_INVALID` */
export function clientOptions(options: unknown) {
  return checked("audit.attach", clientSchema, options ?? {});
}

/** Known by what they can do, so that any copy of the libraries will do. */
export function clientKind(target: object): "axios" | "sftp" | undefined {
  const { interceptors, getUri, fastPut, connect } = target as Record<string, unknown>;
  if (typeof getUri === "function" && typeof interceptors === "object") return "axios";
  if (typeof fastPut === "function" && typeof connect === "function") return "sftp";
  return undefined;
}
