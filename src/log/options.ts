/**
 * The options of `auditLogging()`, its parts, and the appender: each with default, unit and limits, checked once.
 *
 * @module
 */
import { resolve } from "node:path";
import * as v from "valibot";
import { callback } from "../check.js";
import { type Witness, type WitnessEndpoint, witnessEndpointSchema } from "./witness.js";
import { THREAD_FILE } from "../writer/crew.js";
import type { Durability, Keep, OnFull, WriterSettings } from "../writer/protocol.js";

/** Below this a ring could not even hold the usual record. */
const MIN_RING_BYTES = 65_536;
const MAX_RING_BYTES = 1 << 30;

/** How a file is sealed. Without a key anybody who can write the files can also seal them anew: then let a witness see it. */
export interface SealOptions {
  /**
   * The key, at least 16 bytes. It stays in memory, as a part of the configuration; better use `keyFile`.
   * Default: no key.
   */
  readonly key?: string | Uint8Array;
  /**
   * A file with the key, read once when log4js is configured; a line break at its end does not count. Default:
   * no key.
   */
  readonly keyFile?: string;
  /** An Ed25519 private key in PEM, or a file with one: checkpoints are signed. Default: not signed. */
  readonly signingKey?: string;
  /** When a checkpoint is written: whichever comes first. Default: 1000 lines, 60 seconds. */
  readonly checkpointEvery?: {
    /** After so many lines; a whole number, at least 1. Default 1000. */
    readonly records?: number;
    /** After so many seconds with new lines; a whole number, at least 1. Default 60. */
    readonly seconds?: number;
  };
  /**
   * Who is told of each checkpoint: a file (its path), an HTTP endpoint that takes a POST, or a function. What
   * a function throws, and an endpoint that cannot be reached, is counted in `audit.health()`. Default: nobody.
   */
  readonly witness?: string | WitnessEndpoint | Witness;
}

/** How a file is written. */
export interface FileOptions {
  /** The file becomes a backup before it grows beyond so many bytes; default 104857600, 0 = never. */
  readonly maxBytes?: number;
  /** The file becomes a backup with the first record of a new day (UTC); default `false`. */
  readonly daily?: boolean;
  /** Backups are compressed, some seconds after they were made; default `false`. */
  readonly gzip?: boolean;
  /** Which backups stay; default all. `{ files: 30, bytes: 10737418240, days: 400 }`: each is a limit. */
  readonly keep?: Keep;
  /**
   * When a record counts as written: `"memory"`, `"os"` or `"fsync"`, for all categories or by category
   * (`{ "audit.login": "fsync", default: "memory" }`). Default `"memory"`; of `audit.log` and `login.log` `"os"`, for the
   * categories that are not named too.
   */
  readonly durability?: Durability | Readonly<Record<string, Durability>>;
  /** Room for records that wait for the writer thread, in bytes; default 8388608, at least 65536. */
  readonly ringBytes?: number;
  /** When there is no room: `"block"` (default), `"drop"`, or `"error"`, which throws `AUDIT_WRITER_FULL`. */
  readonly onFull?: OnFull;
  /** With `"block"`, the longest wait in milliseconds; default 1000. After it the record is dropped and counted. */
  readonly maxBlockMs?: number;
  /** Permission bits of the file; default `0o600`. */
  readonly mode?: number;
  /** Makes the trail tamper-evident; `true`, or how. Default `false`. */
  readonly seal?: boolean | SealOptions;
  /**
   * Whether the writer thread redacts and encodes records, so that a call only waits for their parts to be copied; default:
   * `true` where there is more than one core. What must be written before the call returns, or while the thread has
   * much to do, is encoded by the caller either way.
   */
  readonly formatInThread?: boolean;
  /** The writer thread's program, for bundled applications; default: the one beside this package's code. */
  readonly threadFile?: string;
}

export const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  v.pipe(
    v.number(),
    v.check(
      (value) => Number.isInteger(value) && value >= least && value <= most,
      `a whole number from ${least} to ${most}`,
    ),
  );

export const durability = v.picklist(["memory", "os", "fsync"], '"memory", "os" or "fsync"');

const sealSchema = v.strictObject({
  key: v.optional(v.union([v.string(), v.instance(Uint8Array)], "a text or bytes")),
  keyFile: v.optional(v.string("a path")),
  signingKey: v.optional(v.string("PEM, or the path of a file with it")),
  checkpointEvery: v.optional(
    v.strictObject({ records: v.optional(wholeNumber(1)), seconds: v.optional(wholeNumber(1)) }),
  ),
  witness: v.optional(
    v.lazy((input) => {
      if (typeof input === "string") return v.pipe(v.string(), v.nonEmpty("a path"));
      if (typeof input === "function") return callback<Witness>();
      return witnessEndpointSchema;
    }),
  ),
});

/** The entries of `FileOptions` as a schema. */
export const fileEntries = {
  maxBytes: v.optional(wholeNumber(0)),
  daily: v.optional(v.boolean()),
  gzip: v.optional(v.boolean()),
  keep: v.optional(
    v.strictObject({
      files: v.optional(wholeNumber(0)),
      bytes: v.optional(wholeNumber(0)),
      days: v.optional(wholeNumber(0)),
    }),
  ),
  durability: v.optional(
    v.lazy((input) =>
      typeof input === "object" && input !== null ? v.record(v.string(), durability) : durability,
    ),
  ),
  ringBytes: v.optional(wholeNumber(MIN_RING_BYTES, MAX_RING_BYTES)),
  onFull: v.optional(v.picklist(["block", "drop", "error"], '"block", "drop" or "error"')),
  maxBlockMs: v.optional(wholeNumber(0)),
  mode: v.optional(wholeNumber(0, 0o777)),
  threadFile: v.optional(v.string()),
  formatInThread: v.optional(v.boolean()),
  seal: v.optional(
    v.lazy((input) =>
      typeof input === "object" && input !== null ? sealSchema : v.boolean("true, false or an object"),
    ),
  ),
};

/** The options of `auditLogging`. */
export interface AuditLoggingOptions extends FileOptions {
  /** Where the four files are; default `audit_logs` in the working directory. It is made if need be. */
  readonly directory?: string;
  /** Written as `service_name` on what loggers write; default: the one given to `audit.start()`. */
  readonly serviceName?: string;
  /** The least level of the application's own loggers; default `INFO`. */
  readonly level?: string;
  /** Whether the application's own loggers also write to the console; default `true`. */
  readonly console?: boolean;
  /** Whether `path`, `module` and `function` are found out for the application's own loggers; default `true`. */
  readonly callStack?: boolean;
  /** What differs for `app.log`. Default: nothing. */
  readonly app?: FileOptions;
  /** What differs for `audit.log`; its durability is `os` by default. */
  readonly audit?: FileOptions;
  /** What differs for `api.log`. Default: nothing. */
  readonly api?: FileOptions;
  /** What differs for `login.log`; its durability is `os` by default. */
  readonly login?: FileOptions;
}

export const loggingSchema = v.strictObject({
  ...fileEntries,
  directory: v.optional(v.pipe(v.string(), v.nonEmpty("a path"))),
  serviceName: v.optional(v.string()),
  level: v.optional(v.string()),
  console: v.optional(v.boolean()),
  callStack: v.optional(v.boolean()),
  app: v.optional(v.strictObject(fileEntries)),
  audit: v.optional(v.strictObject(fileEntries)),
  api: v.optional(v.strictObject(fileEntries)),
  login: v.optional(v.strictObject(fileEntries)),
});

/** The options of the appender, as they stand in a log4js configuration. */
export const appenderSchema = v.strictObject({
  ...fileEntries,
  type: v.optional(v.unknown()),
  filename: v.pipe(v.string("a path"), v.nonEmpty("a path")),
  layout: v.optional(v.looseObject({ type: v.string() })),
});

/** The settings of the writer, with defaults filled in. */
export function writerSettings(
  filename: string,
  options: FileOptions,
  seal?: WriterSettings["seal"],
): WriterSettings {
  return {
    seal,
    path: resolve(filename),
    mode: options.mode ?? 0o600,
    maxBytes: options.maxBytes ?? 104_857_600,
    daily: options.daily ?? false,
    gzip: options.gzip ?? false,
    keep: options.keep ?? {},
    ringBytes: options.ringBytes ?? 8_388_608,
    onFull: options.onFull ?? "block",
    maxBlockMs: options.maxBlockMs ?? 1000,
    threadFile: options.threadFile ?? THREAD_FILE,
  };
}

/** The durability of each category. */
export function durabilityOf(option: FileOptions["durability"] = "memory"): (category: string) => Durability {
  if (typeof option === "string") return () => option;
  const byCategory = new Map(Object.entries(option));
  const fallback = byCategory.get("default") ?? "memory";
  return (category) => byCategory.get(category) ?? fallback;
}
