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
 * constructor(private readonly audit: AuditService) {}
 * …
 * this.audit.record({ action: "report.export", target: { type: "Report", id } });
 */
export class AuditService {
  readonly run: Audit["run"] = audit.run.bind(audit);
  readonly current: Audit["current"] = audit.current.bind(audit);
  readonly ignore: Audit["ignore"] = audit.ignore.bind(audit);
  readonly logExternal: Audit["logExternal"] = audit.logExternal.bind(audit);
  readonly attach: Audit["attach"] = audit.attach.bind(audit);
  readonly login: Audit["login"] = audit.login.bind(audit);
  readonly record: Audit["record"] = audit.record.bind(audit);
  readonly flush: Audit["flush"] = audit.flush.bind(audit);
  readonly health: Audit["health"] = audit.health.bind(audit);
  readonly coverage: Audit["coverage"] = audit.coverage.bind(audit);
  readonly explain: Audit["explain"] = audit.explain.bind(audit);
  readonly viewer: Audit["viewer"] = audit.viewer.bind(audit);
}

/**
 * Starts audit with the application, records its requests, its DataSources and its logins, and stops with it.
 *
 * @example
 * @Module({ imports: [AuditModule.forRoot({ serviceName: "clinic", actor: (request) => request.user })] })
 * export class AppModule {}
 */
export const AuditModule: AuditModuleClass<AuditOptions> = nestAdapter(audit, AuditService, runningRequests);
