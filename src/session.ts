/**
 * What exists between `audit.start()` and `audit.stop()`: the captures, and where their events go.
 *
 * @module
 */
import type { AxiosInstance } from "axios";
import type SftpLibrary from "ssh2-sftp-client";
import type { DataSource } from "typeorm";
import { methodFacts } from "./adapters/handler.js";
import { captureAxios } from "./capture/axios/axios.js";
import type { CallOptions } from "./capture/call.js";
import type { Undo } from "./capture/capture.js";
import { enrichCurrentRequest } from "./capture/http/enrich.js";
import { RequestCapture } from "./capture/http/requests.js";
import { runningRequests, runRequests } from "./capture/http/running.js";
import { requestTarget } from "./capture/http/targets.js";
import { observeMethod } from "./capture/method.js";
import { captureOutbound } from "./capture/outbound/outbound.js";
import { captureSftp } from "./capture/sftp/sftp.js";
import {
  captureDataSource,
  isDataSource,
  type OutboxChoice,
  type RowCapture,
} from "./capture/typeorm/typeorm.js";
import { currentContext } from "./context/context.js";
import { entityMetadata } from "./decorate/readers.js";
import { AuditError } from "./errors.js";
import { forgetFaults, onFirstFault } from "./health.js";
import { newRecordId } from "./ids.js";
import { checkLogging } from "./log/check.js";
import { reportFault } from "./log/fault.js";
import { resetLogRuntime, setLogRuntime } from "./log/runtime.js";
import { createSink, deliverLine } from "./log/sink.js";
import { externalDetailOf, type CheckedOptions, type ConsistencyOptions } from "./options.js";
import { createRedactor, type RedactionPolicy } from "./record/redactor.js";
import { snapshot } from "./record/snapshot.js";
import { Recording } from "./recording.js";
import { fingerprint } from "./fingerprint.js";
import { openFiles } from "./writer/writers.js";
import { wrapClasses, type ClassHooks } from "./registry/classes.js";
import { followClients, leaveClient, type OfferedClient } from "./registry/clients.js";
import { AttachedTargets } from "./registry/targets.js";
import { clientKind, clientOptions, dataSourceOptions } from "./targets.js";
import { WithoutTable } from "./without-table.js";
import { settled } from "./writer/writers.js";

export class Session {
  readonly recording: Recording;
  readonly #options: CheckedOptions;
  readonly #targets = new AttachedTargets();
  readonly #rows = new Set<RowCapture>();
  readonly #withoutTable = new WithoutTable(() => this.rows);
  readonly #undos: Undo[] = [];
  readonly #ending: Promise<void>[] = [];

  constructor(options: CheckedOptions) {
    this.#options = options;
    const redactor = createRedactor(options.redact);
    if (options.enabled) checkLogging();
    forgetFaults();
    onFirstFault(reportFault);
    setLogRuntime({ redactor, context: currentContext, serviceName: options.serviceName });
    this.recording = new Recording(options, options.enabled ? createSink() : () => {}, redactor);
    if (options.enabled) this.#begin();
  }

  /** False when `enabled: false` was said: everything may be called, and nothing is recorded. */
  get running(): boolean {
    return this.#options.enabled;
  }

  get redaction(): RedactionPolicy {
    return this.#options.redact;
  }

  get rows(): readonly RowCapture[] {
    return [...this.#rows];
  }

  attach(target: object, options: unknown): Undo {
    // What has no properties is nothing that we know; the checks below read some.
    if (target === null || target === undefined)
      throw new AuditError("AUDIT_TARGET_UNKNOWN", [nameOf(target)]);
    if (isDataSource(target)) return this.#attachRows(target, dataSourceOptions(options));
    const kind = clientKind(target);
    if (kind) {
      const { service, log } = clientOptions(options);
      return this.#attachClient({ kind, target, service, options: log === undefined ? {} : { log } });
    }
    const begin = this.#requestTarget(target);
    if (begin) return this.running ? this.#targets.attach(target, begin) : () => {};
    throw new AuditError("AUDIT_TARGET_UNKNOWN", [nameOf(target)]);
  }

  /** Waits until what the outboxes hold is on file; false if that takes too long. */
  async drain(timeoutMs: number): Promise<boolean> {
    const drained = await Promise.all(this.rows.map((capture) => capture.drain(timeoutMs)));
    return drained.every(Boolean);
  }

  /** Gives everything back. Settles when nothing of it runs any more. */
  async end(): Promise<void> {
    this.#giveBack();
    await Promise.all(this.#ending);
  }

  #giveBack(): void {
    this.#withoutTable.stop();
    this.#targets.releaseAll();
    for (const undo of this.#undos.splice(0).toReversed()) undo();
    // Last: requests under way are told as they are given up.
    if (this.running) {
      this.recording.trail({ eventType: "AUDIT_STOPPED", details: { pid: process.pid } });
      this.recording.end();
    }
    resetLogRuntime();
  }

  #attachRows(dataSource: DataSource, attached: ReturnType<typeof dataSourceOptions>): Undo {
    const { rows } = this.#options;
    if (!this.running || rows === false) return () => {};
    return this.#targets.attach(dataSource, () => {
      const capture = captureDataSource(dataSource, this.recording.emit, {
        ...rows,
        tables: attached.tables,
        capture: attached.rows ?? rows.capture,
        outbox: outboxChoice(rows, attached, this.recording.line),
        decorations: entityMetadata,
        now: Date.now,
        newTransactionId: newRecordId,
      });
      this.#rows.add(capture);
      this.#withoutTable.expect();
      return () => {
        this.#rows.delete(capture);
        capture.undo();
        this.#ending.push(capture.ended());
      };
    });
  }

  /** How to begin with a server or Passport; `undefined` for any other target. */
  #requestTarget(target: object): (() => Undo) | undefined {
    return requestTarget(target, runningRequests(), {
      actor: this.#options.actor,
      login: (facts) => this.recording.login(facts),
    });
  }

  #attachClient(client: OfferedClient): Undo {
    if (!this.running) return () => {};
    return this.#targets.attach(client.target, () => {
      const giveBack = leaveClient(client.target);
      const undo = this.#captureClient(client);
      return () => {
        undo();
        giveBack();
      };
    });
  }

  #captureClient({ kind, target, service, options }: OfferedClient): Undo {
    const detail = externalDetailOf(this.#options, service, options.log);
    if (detail === false) return () => {};
    const call: CallOptions = { service, detail, snapshot, newRecordId };
    return kind === "axios"
      ? captureAxios(target as AxiosInstance, this.recording.emit, call)
      : captureSftp(target as SftpLibrary, this.recording.emit, {
          ...call,
          silentMs: this.#options.sftp.unknownAfter * 1000,
        });
  }

  #begin(): void {
    const { actor, requests } = this.#options;
    this.recording.trail({
      eventType: "AUDIT_STARTED",
      details: { pid: process.pid, node: process.version, service: this.#options.serviceName },
    });
    const { redact, ...options } = this.#options;
    this.recording.trail({
      eventType: "CONFIG",
      details: {
        options: fingerprint(options),
        redaction: fingerprint(withoutKey(redact)),
        files: fingerprint(openFiles()),
      },
    });
    if (requests !== false) {
      this.#undos.push(runRequests(new RequestCapture(this.recording.emit, requests, actor)));
    }
    this.#captureOutbound();
    this.#undos.push(wrapClasses(this.#classHooks()));
    this.#undos.push(followClients((client) => this.#captureClient(client)));
  }

  #captureOutbound(): void {
    const { outbound } = this.#options;
    if (!outbound) return;
    const tools = {
      detailOf: (service: string) => externalDetailOf(this.#options, service, outbound.log),
      snapshot,
      newRecordId,
    };
    this.#undos.push(captureOutbound(this.recording.emit, outbound, tools));
  }

  #classHooks(): ClassHooks {
    return {
      handlerEntered(target, property, isStatic) {
        const facts = methodFacts(target, property, isStatic);
        if (facts) enrichCurrentRequest(facts);
      },
      aroundService: ({ name, target, options }, property) => {
        const detail = externalDetailOf(this.#options, name, options.log);
        if (detail === false) return (method, self, args) => Reflect.apply(method, self, args);
        const identity = {
          service: name,
          className: target.name,
          method: String(property),
          detail,
        };
        return observeMethod(identity, this.recording.emit, { snapshot, newRecordId });
      },
    };
  }
}

/** What the attach says comes first. */
function outboxChoice(
  start: ConsistencyOptions,
  attach: ConsistencyOptions,
  line: OutboxChoice["line"],
): OutboxChoice | undefined {
  const consistency = attach.consistency ?? start.consistency;
  if (consistency !== "outbox") return undefined;
  return {
    table: attach.outboxTable ?? start.outboxTable ?? "audit_outbox",
    create: attach.createOutbox ?? start.createOutbox ?? true,
    onError: attach.onOutboxError ?? start.onOutboxError ?? "record",
    line,
    emit: deliverLine,
    settled,
  };
}

/* Whether there is one, and not which: the hash of a short secret tells it. */
function withoutKey({ pseudonymKey, ...policy }: RedactionPolicy): object {
  return { ...policy, pseudonymKey: pseudonymKey !== undefined };
}

function nameOf(target: unknown): string {
  if (target === null || target === undefined) return String(target);
  if (typeof target !== "object") return `a ${typeof target}`;
  return `an object of class ${target.constructor?.name ?? "(none)"}`;
}
