/**
 * The entry `activity-audit/nest`.
 *
 * @module
 */
import { nestAdapter, type AuditModuleClass } from "./adapters/nest.js";
import { audit, type Audit } from "./audit.js";
import { runningRequests } from "./capture/http/running.js";
import type { AuditOptions } from "./options.js";

/**
 * The audit as an injectable: what `audit` has, but for starting and stopping it and the middlewares, which the module sees to.
 *
 * @example
 * ```ts
 * @Injectable()
 * class Reports {
 *   constructor(private readonly audit: AuditService) {}
 *   export(id: number) {
 *     this.audit.record({ action: "report.export", target: { type: "Report", id } });
 *   }
 * }
 * ```
 */
export class AuditService {
  /** As `audit.run`. */
  readonly run: Audit["run"] = audit.run.bind(audit);
  /** As `audit.current`. */
  readonly current: Audit["current"] = audit.current.bind(audit);
  /** As `audit.ignore`. */
  readonly ignore: Audit["ignore"] = audit.ignore.bind(audit);
  /** As `audit.logExternal`. */
  readonly logExternal: Audit["logExternal"] = audit.logExternal.bind(audit);
  /** As `audit.attach`. */
  readonly attach: Audit["attach"] = audit.attach.bind(audit);
  /** As `audit.login`. */
  readonly login: Audit["login"] = audit.login.bind(audit);
  /** As `audit.record`. */
  readonly record: Audit["record"] = audit.record.bind(audit);
  /** As `audit.flush`. */
  readonly flush: Audit["flush"] = audit.flush.bind(audit);
  /** As `audit.health`. */
  readonly health: Audit["health"] = audit.health.bind(audit);
  /** As `audit.coverage`. */
  readonly coverage: Audit["coverage"] = audit.coverage.bind(audit);
  /** As `audit.explain`. */
  readonly explain: Audit["explain"] = audit.explain.bind(audit);
  /** As `audit.viewer`. */
  readonly viewer: Audit["viewer"] = audit.viewer.bind(audit);
}

/**
 * Starts audit with the application, records its requests, its DataSources and its logins, and stops with it.
 *
 * @example
 * ```ts
 * @Module({ imports: [AuditModule.forRoot({ serviceName: "clinic", actor: (request) => request.user })] })
 * class AppModule {}
 * ```
 */
export const AuditModule: AuditModuleClass<AuditOptions> = nestAdapter(audit, AuditService, runningRequests);
