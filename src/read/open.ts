/**
 * A trail's questions, for programs: what the commands of the same names answer, as objects.
 *
 * @module
 */
import * as v from "valibot";
import { checked } from "../check.js";
import { findFiles } from "./files.js";
import { moment, type RecordFilter } from "./filter.js";
import { rowAsOf, type RowAt, rowStory, type Version } from "./history.js";
import { lastRecords } from "./last.js";
import { type LogRecord, readInOrder } from "./records.js";
import { ReadReport } from "./report.js";
import { causalTree, type TreeNode } from "./tree.js";
import { verify, type VerifyOptions } from "./verify/verify.js";
import type { Verified } from "./verify/types.js";

/** Which files are read. */
export interface TrailOptions {
  /** Only these logs, as `["audit", "api"]`; default: all. */
  readonly logs?: readonly string[];
}

/** Which records, and in which order. All that is given must hold; of a list, one of its values. */
export interface TrailQuery extends Omit<RecordFilter, "since" | "until"> {
  /** From this time on: a `Date`, `"2026-01-05 09:12"` (UTC), ISO 8601, or ago: `"30m"`, `"2h"`, `"7d"`. */
  readonly since?: string | Date;
  /** Before this time. */
  readonly until?: string | Date;
  /** No more than so many; default all. */
  readonly limit?: number;
  /** The newest first, which needs a `limit`: so many are held in memory. */
  readonly newestFirst?: boolean;
}

/** What else a row's history tells. */
export interface HistoryOptions {
  /** Also who read it. Default `false`. */
  readonly reads?: boolean;
}

const texts = v.optional(v.array(v.string("a text"), "a list of texts"));
const time = v.optional(v.union([v.string(), v.date()], "a time, as a text or a Date"));
const positive = "a whole number, at least 1";

const optionsSchema = v.strictObject({ logs: texts });
const querySchema = v.pipe(
  v.strictObject({
    name: texts,
    user: texts,
    model: texts,
    id: texts,
    event: texts,
    outcome: texts,
    route: texts,
    service: texts,
    status: texts,
    request: texts,
    text: v.optional(v.string("a text")),
    since: time,
    until: time,
    limit: v.optional(v.pipe(v.number(positive), v.integer(positive), v.minValue(1, positive))),
    newestFirst: v.optional(v.boolean("true or false")),
  }),
  v.check(({ newestFirst, limit }) => !newestFirst || limit !== undefined, "a `limit` beside `newestFirst`"),
);

/**
 * The trail in a directory, to be asked. It is only read, and each question sees the files as they are then: live, rotated and
 * compressed ones, of any size. Plain JavaScript, with no peer.
 *
 * The values of a record are as they stand in the file: whoever can write there can put anything into them.
 *
 * @param directory - default `audit_logs`
 * @param options - `logs`: only these, as `["audit", "api"]`; default all
 * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`
 * @example
 * const trail = openTrail("audit_logs");
 * for await (const record of trail.query({ model: ["Patient"], event: ["DELETE"], since: "7d" })) console.log(record.user);
 * const { row } = await trail.asOf("Patient", "42", "2026-11-24 09:49");
 */
export function openTrail(directory = "audit_logs", options: TrailOptions = {}): Trail {
  return new Trail(directory, checked("openTrail", optionsSchema, options).logs);
}

/**
 * A trail that can be asked; made by {@link openTrail}. Every question fails with `AUDIT_TRAIL_MISSING` where there is none.
 *
 * @example
 * const trail = openTrail("audit_logs", { logs: ["audit"] });
 * const versions = await trail.history("Patient", "42");
 */
export class Trail {
  /** What all questions so far have read, and what they could not: lines that are no records, and files. */
  readonly report = new ReadReport();

  /** @internal */
  constructor(
    /** Where it is. */
    readonly directory: string,
    private readonly logs: readonly string[] | undefined,
  ) {}

  /**
   * The records that are asked for, by time.
   *
   * @param query - what must hold, in which order, and how many; see `TrailQuery`
   * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_FILTER_INVALID`, `AUDIT_TRAIL_MISSING`
   * @example
   * for await (const record of trail.query({ user: ["7"], since: "2h" })) console.log(record.message);
   */
  async *query(query: TrailQuery = {}): AsyncGenerator<LogRecord, void, undefined> {
    const { limit = Infinity, newestFirst, since, until, ...same } = checked("query", querySchema, query);
    const filter: RecordFilter = {
      ...same,
      ...(since !== undefined && { since: momentOf("since", since) }),
      ...(until !== undefined && { until: momentOf("until", until) }),
    };
    const reading = { filter, report: this.report };
    const files = await this.#files();
    if (newestFirst) {
      const { records } = await lastRecords(files, limit, reading);
      yield* records.toReversed();
      return;
    }
    let missing = limit;
    for await (const record of readInOrder(files, reading)) {
      yield record;
      missing -= 1;
      if (missing <= 0) return;
    }
  }

  /**
   * The versions of a row, the oldest first: each record with what it changed, and what changed before it without one.
   *
   * @param model - as `model` of its records has it
   * @param id - as `instance_id` has it; of a composite key, a JSON object with its properties in any order
   * @param options - `reads`: also who read it
   * @throws {AuditError} `AUDIT_TRAIL_MISSING`
   * @example
   * for (const { record, changes } of await trail.history("Patient", "42")) console.log(record.timestamp, changes);
   */
  async history(model: string, id: string, options: HistoryOptions = {}): Promise<Version[]> {
    const { versions } = await rowStory(await this.#files(), model, id, { ...options, report: this.report });
    return [...versions];
  }

  /**
   * A row as it was, what that is known from, and what may have changed it meanwhile.
   *
   * @param model - as `model` of its records has it
   * @param id - as `instance_id` has it
   * @param at - a `Date`, or a text as `since` of a query; what happened at this very moment counts
   * @throws {AuditError} `AUDIT_FILTER_INVALID`
   * @example
   * const { row, basis } = await trail.asOf("Patient", "42", "2026-11-24 09:49");
   */
  async asOf(model: string, id: string, at: string | Date): Promise<RowAt> {
    const timestamp = momentOf("time", at);
    return rowAsOf(await rowStory(await this.#files(), model, id, { report: this.report }), timestamp);
  }

  /**
   * All that one request caused, each record under the one that caused it. Empty where nothing has this `request_id`.
   *
   * @param requestId - as `request_id` has it
   * @throws {AuditError} `AUDIT_TRAIL_MISSING`
   * @example
   * const [request] = await trail.timeline("01a20cf6-1b09-7c42-b85c-664c7df40244");
   * for (const { record } of request!.children) console.log(record.message);
   */
  async timeline(requestId: string): Promise<TreeNode[]> {
    const records: LogRecord[] = [];
    const filter = { request: [requestId] };
    for await (const record of readInOrder(await this.#files(), { filter, report: this.report }))
      records.push(record);
    return causalTree(records);
  }

  /**
   * Whether a sealed trail stands as it was written; see `docs/sealing.md`.
   *
   * @param options - `key`, `publicKey`, `witness`, `since`, `onProgress`: see `VerifyOptions`
   * @throws {AuditError} `AUDIT_TRAIL_MISSING`
   * @example
   * const { status, findings } = await trail.verify({ key: readFileSync("/run/secrets/audit-seal") });
   */
  verify(options: Omit<VerifyOptions, "logs"> = {}): Promise<Verified> {
    return verify(this.directory, { ...options, logs: this.logs });
  }

  #files() {
    return findFiles(this.directory, { logs: this.logs });
  }
}

function momentOf(field: string, at: string | Date): string {
  return moment(field, typeof at === "string" ? at : at.toISOString(), Date.now());
}
