/**
 * The one place that wires the stages: options → captures → records → log.
 *
 * @module
 */
import { expressAdapter, type ExpressMiddleware } from "./adapters/express.js";
import { koaAdapter, type KoaMiddleware } from "./adapters/koa.js";
import { runningRequests } from "./capture/http/running.js";
import type { Undo } from "./capture/capture.js";
import { recorderOf } from "./capture/http/tee.js";
import { currentContext, type AuditContext, type ExternalDetail } from "./context/context.js";
import { runAs, runIgnored, runWithExternal, type RunOptions } from "./context/run.js";
import { coverageOf, type AuditCoverage } from "./coverage.js";
import { AuditError } from "./errors.js";
import { fault, faultSummaries, type FaultSummary } from "./health.js";
import { logRuntime } from "./log/runtime.js";
import { checkOptions, type AuditOptions } from "./options.js";
import { explain, type Explained } from "./record/explain.js";
import type { RedactionPolicy } from "./record/redactor.js";
import type { CustomInput, LoginInput } from "./record/stated.js";
import { Session } from "./session.js";
import { type ShipmentHealth, shippingHealth } from "./ship/shipping.js";
import type { AttachOptions } from "./targets.js";
import type { Viewer, ViewerOptions } from "./viewer/viewer.js";
import { timeLimit } from "./within.js";
import { flush, type Flushed, type FlushOptions, writerHealth, type WriterHealth } from "./writer/writers.js";

/** Longest wait of `stop`, in milliseconds. An outbox gives up as soon. */
const STOP_MS = 5000;

/** How the audit itself is doing. */
export interface AuditHealth {
  /** True between `audit.start()` and `audit.stop()`; `false` with `enabled: false`. */
  readonly running: boolean;
  /** True when nothing was lost and nothing of ours failed. */
  readonly ok: boolean;
  /** Requests under way. */
  readonly open_requests: number;
  /** What was written, what waits, what was dropped. */
  readonly writer: WriterHealth;
  /** What is on its way to ClickHouse, one entry a spool. */
  readonly shipping: readonly ShipmentHealth[];
  /** Our own troubles, one entry a kind. */
  readonly faults: readonly FaultSummary[];
}

/**
 * The audit of this process. There is one, `audit`; every call may be made at any time. Only `start`, `attach`, `explain` and
 * `viewer` throw, for what they are given, and `flush` when it is not done in time.
 *
 * @example
 * audit.start({ serviceName: "clinic", actor: (request) => request.user });
 * audit.attach(dataSource);
 * app.use(audit.express());
 */
class Audit {
  #session: Session | undefined;
  readonly #express = expressAdapter(runningRequests);
  readonly #koa = koaAdapter(runningRequests);

  /**
   * Starts the audit: from now on decorated classes, attached targets and the frameworks' requests are recorded.
   * Call it once, after `log4js.configure(auditLogging({ … }))` and before the application takes requests.
   *
   * @param options - checked here, and frozen; see `AuditOptions` for defaults, units and limits
   * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`: what was found, and what is expected
   * @throws {AuditError} `AUDIT_LOGGING_MISSING`, `AUDIT_LOGGING_SILENT`: log4js would swallow our records
   * @throws {AuditError} `AUDIT_ALREADY_STARTED`
   * @example
   * audit.start({ serviceName: "review_board", actor: (request) => request.user });
   */
  start(options: AuditOptions): void {
    if (this.#session) throw new AuditError("AUDIT_ALREADY_STARTED", []);
    const checked = checkOptions(options);
    this.#session = new Session(checked);
  }

  /**
   * Stops recording, gives every wrapped method and every attached target its original back, and waits until
   * what was recorded is on file, 5 seconds at most. Does nothing when audit is not running. What is not on file by
   * then stays queued, and is counted in `health()`. Never throws.
   *
   * @example
   * process.once("SIGTERM", () => void server.close(() => audit.stop()));
   */
  async stop(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    const left = timeLimit(STOP_MS);
    await session?.end();
    await flush({ timeoutMs: STOP_MS }, left()).catch((error: unknown) => fault("audit.stop", error));
  }

  /**
   * Records what happens at a target that no decorator reaches: a TypeORM DataSource (its row changes), an axios
   * instance or an ssh2-sftp-client (its calls), a Node server (its requests), Passport (its logins).
   *
   * @param target - known by what it can do, so that any copy of its library will do
   * @param options - for a DataSource `{ tables, rows, consistency, … }`, for a client `{ service }`
   * @returns how to leave the target as it was; `audit.stop()` does the same
   * @throws {AuditError} `AUDIT_NOT_STARTED`, `AUDIT_TARGET_UNKNOWN`, `AUDIT_DATABASE_UNSUPPORTED`,
   *   `AUDIT_FIELD_UNKNOWN`, `AUDIT_OPTION_INVALID`, `AUDIT_OUTBOX_UNSUPPORTED`; on PostgreSQL `AUDIT_PEER_MISSING`; on
   *   SQLite `AUDIT_OUTBOX_MISSING`
   * @example
   * audit.attach(dataSource);
   * audit.attach(axiosInstance, { service: "apollo" });
   */
  attach<Target extends object>(target: Target, options?: AttachOptions<Target>): Undo {
    if (!this.#session) throw new AuditError("AUDIT_NOT_STARTED", ["audit.attach()"]);
    return this.#session.attach(target, options);
  }

  /**
   * The middleware for Express 4 and 5. Put it first: what a middleware before it answers is not seen.
   *
   * @example
   * app.use(audit.express());
   */
  express(): ExpressMiddleware {
    return this.#express;
  }

  /**
   * The middleware for Koa 3 and 2; the same as `auditKoa()` of `activity-audit/koa`. Use it first.
   *
   * @example
   * app.use(audit.koa());
   */
  koa(): KoaMiddleware {
    return this.#koa;
  }

  /**
   * Shows what the redaction policy makes of a sample, before going live: the line as it would be written, and what is
   * hidden in it and why.
   *
   * @param sample - a record, or anything that stands in the `extra` of one
   * @param policy - default: that of `audit.start`, or the default list before it
   * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`: the policy
   * @example
   * audit.explain({ password: "x", author: "y" }).redacted; // [{ path: "/extra/password", action: "redact", because: "…" }]
   */
  explain(sample: object, policy?: RedactionPolicy): Explained {
    return explain(sample, policy ?? this.#session?.redaction ?? {});
  }

  /**
   * Runs `work`, and everything that it starts, as a unit of work outside of any request: a job, a queue's
   * message, a command. Its records bear one `request_id` and the given actor.
   *
   * @param options - who, why, for whom, caused by what; see `RunOptions`
   * @param work - may be asynchronous
   * @returns what `work` returns; what it throws is thrown
   * @example
   * await audit.run({ actor: { id: "cron" }, reason: "nightly" }, () => expireSessions());
   */
  run<T>(options: RunOptions, work: () => T): T {
    return runAs(options, work);
  }

  /**
   * The context of the running code: its `requestId`, its `actor()`; `undefined` outside of any.
   *
   * @example
   * response.set("x-request-id", audit.current()?.requestId);
   */
  current(): AuditContext | undefined {
    return currentContext();
  }

  /**
   * Runs `work`, and everything that it starts, without making records.
   *
   * @param work - may be asynchronous
   * @example
   * await audit.ignore(() => warmUpCaches());
   */
  ignore<T>(work: () => T): T {
    return runIgnored(work);
  }

  /**
   * Runs `work`, and everything that it starts, with so much written of its calls to other services: one call, or all
   * of a part of the application. It goes before what is said of a service, but for a service whose calls are not
   * recorded at all (`false`): that one is not touched.
   *
   * @param detail - `false`: nothing; `"metadata"`: without bodies, arguments and results; `"full"`: all
   * @param work - may be asynchronous
   * @example
   * const { data } = await audit.logExternal("metadata", () => http.get("/photo"));
   */
  logExternal<T>(detail: ExternalDetail, work: () => T): T {
    return runWithExternal(detail, work);
  }

  /**
   * Records a login, a logout or a refused login. Never throws; before `start` and after `stop` it is counted in `health()`
   * as `audit.not_started`, and an input without `event` or `success` as `record.build`; no record is made of either.
   *
   * @param input - see `LoginInput`
   * @example
   * audit.login({ event: "login", success: false, error: "wrong password", extra: { email } });
   */
  login(input: LoginInput): void {
    if (this.#session) this.#session.recording.login(input);
    else fault("audit.not_started", new AuditError("AUDIT_NOT_STARTED", ["audit.login()"]));
  }

  /**
   * Records something that only the application knows of. Never throws; before `start` and after `stop` it is counted in
   * `health()` as `audit.not_started`, and an input without `action` as `record.build`; no record is made of either.
   *
   * @param input - see `CustomInput`
   * @example
   * audit.record({ action: "report.export", target: { type: "Report", id: 17 }, extra: { rows: 40 } });
   */
  record(input: CustomInput): void {
    if (this.#session) this.#session.recording.custom(input);
    else fault("audit.not_started", new AuditError("AUDIT_NOT_STARTED", ["audit.record()"]));
  }

  /**
   * Waits until every record accepted so far, or committed in an outbox, is on file.
   *
   * @param options - `timeoutMs`: the longest wait, in milliseconds, default 5000; `fsync`: wait for the disk too
   * @returns `written`: how many lines were written since the last flush
   * @throws {AuditError} `AUDIT_FLUSH_TIMEOUT`: the records stay queued
   * @example
   * await audit.flush({ timeoutMs: 2000, fsync: true });
   */
  async flush(options?: FlushOptions): Promise<Flushed> {
    const timeoutMs = options?.timeoutMs ?? 5000;
    const left = timeLimit(timeoutMs);
    const drained = (await this.#session?.drain(timeoutMs)) ?? true;
    if (!drained) throw new AuditError("AUDIT_FLUSH_TIMEOUT", ["the outbox still had records", timeoutMs]);
    return flush(options, left());
  }

  /**
   * How the audit itself is doing: what was written, what was lost, what of ours failed. Never throws. See `docs/health.md`.
   *
   * @example
   * response.status(audit.health().ok ? 200 : 503).json(audit.health());
   */
  health(): AuditHealth {
    const writer = writerHealth();
    const faults = faultSummaries().map((summary) => ({
      ...summary,
      last_message: shown(summary.last_message),
    }));
    return {
      running: this.#session?.running ?? false,
      ok: faults.length === 0 && writer.dropped === 0,
      open_requests: runningRequests()?.open ?? 0,
      writer,
      shipping: shippingHealth().map((spool) => ({ ...spool, last_error: shown(spool.last_error) })),
      faults,
    };
  }

  /**
   * What is recorded, and what cannot be seen: for each attached DataSource its way of capture and its blind spots,
   * the decorated entities that no attached DataSource has, the decorated services. Never throws.
   *
   * @example
   * assert.deepEqual(audit.coverage().entitiesWithoutTable, []);
   */
  coverage(): AuditCoverage {
    return coverageOf(this.#session?.rows ?? []);
  }

  /**
   * A web page on the trail, inside your application: what happened when, how it ended, before and after of each row,
   * what a request caused. Works in Express and on plain servers; in others with the request and response of Node.
   *
   * Whoever opens the page, a record, a request or a row's history is recorded as a request of your application, without
   * bodies; what the page asks to keep itself up to date is not.
   *
   * Needs the package `@duckdb/node-api`. Works whether audit is started or not.
   *
   * @param options - `authorize` decides for each request who may look; there is no default
   * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_PEER_MISSING`
   * @example
   * app.use("/audit", audit.viewer({ directory: "audit_logs", authorize: (req) => req.user?.isAuditor === true }));
   */
  viewer(options: ViewerOptions): Viewer {
    // Loaded here, since few processes show the trail that they write.
    const { createViewer } = require("./viewer/viewer.js") as typeof import("./viewer/viewer.js");
    return createViewer(options, (request, kind) => {
      recorderOf(request)?.enrich(kind === "look" ? { bodies: false } : { skipped: true });
    });
  }
}

/** Health checks are seen by many, and the error of a driver or of the application's own function may quote a secret. */
function shown<Text extends string | null>(text: Text): Text {
  return text && (logRuntime().redactor.text(text) as Text);
}

export type { Audit };

/**
 * The audit of this process.
 *
 * @example
 * audit.start({ serviceName: "clinic", actor: (request) => request.user });
 */
export const audit = new Audit();
