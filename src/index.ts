/**
 * The door of activity-audit.
 *
 * ```
 * decorate ─▶ registry ─▶ capture ──event──▶ record ─▶ log (log4js) ─▶ appender ══ring══▶ writer thread ─▶ file
 *                 context ──current()──▲
 * ```
 *
 * @module
 */
export { audit, type Audit, type AuditHealth } from "./audit.js";
export type { ExpressMiddleware } from "./adapters/express.js";
export type { KoaMiddleware } from "./adapters/koa.js";
export type { Undo } from "./capture/capture.js";
export type { AuditCoverage } from "./coverage.js";
export type {
  AuditOptions,
  ConsistencyOptions,
  ExternalOptions,
  RowOptions,
  SftpCallOptions,
} from "./options.js";
export type { AttachClientOptions, AttachDataSourceOptions } from "./targets.js";
export { bindEmitterToContext, bindToContext, type RunOptions } from "./context/run.js";
export type { Actor, AuditContext, ExternalDetail } from "./context/context.js";
export type { ActorLike } from "./context/actor.js";
export type { HostRule, OutboundOptions } from "./capture/outbound/options.js";
export type { RequestOptions, RouteRule } from "./capture/http/options.js";
export type { PathRule } from "./capture/http/choice.js";
export type { Explained, Explanation } from "./record/explain.js";
export type { RedactionPolicy } from "./record/redactor.js";
export type { CustomInput, LoginInput } from "./record/stated.js";
export { AuditEntity, AuditIgnore, AuditMask } from "./decorate/entity.js";
export { AuditRoute, NoAudit } from "./decorate/route.js";
export type { AuditEntityOptions, AuditRouteOptions, ExternalServiceOptions } from "./decorate/metadata.js";
export { ExternalService } from "./clients/external-service.js";
export { HttpClient } from "./clients/http-client.js";
export { SftpClient } from "./clients/sftp-client.js";
export { AuditError, type AuditErrorCode } from "./errors.js";
export { auditLogging } from "./log/logging.js";
export { levels } from "./log/levels.js";
export { apiLayout, auditLayout, consoleLayout, jsonLayout } from "./log/layouts.js";
export { apiFile, appFile, auditFile, loginFile, type FilePartOptions } from "./log/parts.js";
export type { AuditLoggingOptions, SealOptions } from "./log/options.js";
export type { Flushed, FlushOptions, WriterHealth } from "./writer/writers.js";
export type { Witness, Witnessed, WitnessEndpoint } from "./log/witness.js";
export type { Viewer, ViewerOptions } from "./viewer/viewer.js";
export type {
  AuditRecord,
  CallAttemptRepr,
  ContainerRecord,
  CrudRecord,
  CustomRecord,
  ExternalCallRecord,
  HttpCallRecord,
  HttpCallResponseRepr,
  HttpRequestRepr,
  HttpResponseRepr,
  InternalRequestRecord,
  LoginRecord,
  MethodCallRecord,
  MethodRequestRepr,
  MethodResponseRepr,
  Outcome,
  RecordBase,
  RecordUser,
  RequestRecord,
  RowEventType,
  SftpCallRecord,
  SftpRequestRepr,
  SftpResponseRepr,
  TrailRecord,
} from "./record/types.js";
