/**
 * The fields that stand on every record, in the order of the contract.
 *
 * @module
 */
import type { Actor, AuditContext } from "../context/context.js";
import { isObject } from "./plain.js";
import { snapshot } from "./snapshot.js";
import { formatTimestamp } from "./timestamp.js";
import { SCHEMA_VERSION, type Outcome, type RecordBase, type RecordUser } from "./types.js";

/** What only the composition root knows: identity of the record, and whose trail it is in. */
export interface Stamp {
  /** UUIDv7 for the record. Unused where the event brings its own. */
  readonly recordId: string;
  /** Written as `service_name`, except on calls to another service, which carry that service's name. */
  readonly serviceName: string;
}

/** When and in which context it happened. */
export interface Moment {
  readonly at: number;
  readonly context: AuditContext | undefined;
}

interface Head<Level extends string, Name extends string> {
  readonly level: Level;
  readonly name: Name;
  readonly message: string;
  readonly serviceName: string;
  readonly recordId: string;
  readonly outcome: Outcome;
  readonly parentId?: string | null;
  readonly user?: RecordUser | null;
  readonly extra?: Readonly<Record<string, unknown>>;
}

type Common<Level extends string, Name extends string> = RecordBase & { level: Level; name: Name };

/** Fills in what the context knows. A record's cause is the record of the request it happened in. */
export function commonFields<Level extends string, Name extends string>(
  head: Head<Level, Name>,
  { at, context }: Moment,
): Common<Level, Name> {
  return {
    timestamp: formatTimestamp(at),
    level: head.level,
    name: head.name,
    message: head.message,
    service_name: head.serviceName,
    user: head.user === undefined ? contextUser(context) : head.user,
    record_id: head.recordId,
    schema: SCHEMA_VERSION,
    request_id: context?.requestId ?? null,
    parent_id: head.parentId === undefined ? (context?.recordId ?? context?.parentId ?? null) : head.parentId,
    trace_id: context?.traceId ?? null,
    span_id: context?.spanId ?? null,
    outcome: head.outcome,
    extra: merged(context?.extra, head.extra),
    // Keeps the place; JSON leaves out what is undefined.
    redacted: undefined,
  };
}

/**
 * The fields of one kind of record, behind those of every record. Adds them to `common` itself: to spread that many
 * fields into a new object, with more behind them, takes Node 20 longer than to write the whole record as JSON.
 */
export function withFields<C extends object, F extends object>(common: C, fields: F): C & F {
  return Object.assign(common, fields);
}

type Extra = Readonly<Record<string, unknown>> | undefined;

/** The application's fields, those of the record over those of its context. */
export function merged(context: Extra, own: Extra): Record<string, unknown> {
  try {
    return { ...context, ...own };
  } catch {
    // A getter or a Proxy of the application's.
    return { ...plainFields(context), ...plainFields(own) };
  }
}

function plainFields(extra: Extra): object {
  const copy = snapshot(extra);
  return isObject(copy) ? copy : {};
}

/** Asks the context who acts. Whoever made the context counts an `actor` that throws; here it is nobody. */
export function actorOf(context: AuditContext | undefined): Actor | null {
  try {
    return context?.actor() ?? null;
  } catch {
    return null;
  }
}

function contextUser(context: AuditContext | undefined): RecordUser | null {
  try {
    return userOf(actorOf(context));
  } catch {
    return null;
  }
}

/** The actor as it is now, `id` first; `null` if there is none. */
export function userOf(actor: Actor | null | undefined): RecordUser | null {
  if (actor === null || actor === undefined) return null;
  const copy = snapshot(actor);
  if (typeof copy === "string" || typeof copy === "number") return { id: copy };
  if (typeof copy !== "object" || copy === null) return null;
  const { id, ...info } = copy as Record<string, unknown>;
  return { id: plainId(id), ...info };
}

function plainId(id: unknown): string | number | null {
  if (typeof id === "string" || typeof id === "number") return id;
  return id === null || id === undefined ? null : JSON.stringify(id);
}
