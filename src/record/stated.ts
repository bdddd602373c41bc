/**
 * Records of what the application or the audit itself states, instead of what a capture saw.
 *
 * @module
 */
import type { Actor } from "../context/context.js";
import { commonFields, userOf, type Moment, type Stamp, withFields } from "./common.js";
import { errorMessage } from "./error.js";
import type { ContainerRecord, CustomRecord, LoginRecord, Outcome, TrailRecord } from "./types.js";

/** What `audit.login()` takes. */
export interface LoginInput {
  /** `login`, `logout`, `login_failed`, or a word of the application's. */
  readonly event: string;
  /** Whether it was let in. */
  readonly success: boolean;
  /** Why it failed: a text, or what was thrown. Default: not said. */
  readonly error?: unknown;
  /** Who it was about. Default: the actor of the context. */
  readonly user?: Actor | null;
  /** Default `success` or `failure`. */
  readonly outcome?: Outcome;
  /** The application's own fields for this record, added to those of the context. Default none. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What `audit.record()` takes. */
export interface CustomInput {
  /** `noun.verb`, for example `report.export`. */
  readonly action: string;
  /** What was acted upon. Default: nothing. */
  readonly target?: {
    /** The kind of thing, `Report` for example. */
    readonly type: string;
    /** Which one; written as text. */
    readonly id: string | number;
  } | null;
  /** Default: a sentence of action and target. */
  readonly message?: string;
  /** Default `success`. */
  readonly outcome?: Outcome;
  /** Default: the actor of the context. */
  readonly user?: Actor | null;
  /** The application's own fields for this record, added to those of the context. Default none. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** What the audit says of itself. */
export interface TrailInput {
  readonly eventType: TrailRecord["event_type"];
  readonly details: Readonly<Record<string, unknown>>;
  /** Default `success`; a `GAP` is a `failure`. */
  readonly outcome?: Outcome;
}

/** A line that the application logged. */
export interface ContainerInput {
  readonly level: string;
  readonly category: string;
  readonly message: string;
  readonly path?: string | null;
  readonly module?: string | null;
  readonly function?: string | null;
  readonly exception?: string | null;
  readonly extra?: Readonly<Record<string, unknown>>;
}

export function buildLogin(input: LoginInput, moment: Moment, stamp: Stamp): LoginRecord {
  const user = input.user === undefined ? undefined : userOf(input.user);
  const common = commonFields(
    {
      level: "LOGIN",
      name: "audit.login",
      message: "",
      serviceName: stamp.serviceName,
      recordId: stamp.recordId,
      outcome: input.outcome ?? (input.success ? "success" : "failure"),
      ...(user !== undefined && { user }),
      ...(input.extra && { extra: input.extra }),
    },
    moment,
  );
  const whom = common.user === null ? "unknown user" : `User (id: ${common.user.id})`;
  common.message = `${input.event.toUpperCase()} event for ${whom}`;
  return withFields(common, { event: input.event, success: input.success, error: errorMessage(input.error) });
}

export function buildCustom(input: CustomInput, moment: Moment, stamp: Stamp): CustomRecord {
  const user = input.user === undefined ? undefined : userOf(input.user);
  const target = input.target ? { type: input.target.type, id: String(input.target.id) } : null;
  const about = target ? ` for ${target.type} (id: ${target.id})` : "";
  return withFields(
    commonFields(
      {
        level: "AUDIT",
        name: "audit.event",
        message: input.message ?? `${input.action} event${about}`,
        serviceName: stamp.serviceName,
        recordId: stamp.recordId,
        outcome: input.outcome ?? "success",
        ...(user !== undefined && { user }),
        ...(input.extra && { extra: input.extra }),
      },
      moment,
    ),
    {
      action: input.action,
      target,
    },
  );
}

export function buildTrail(input: TrailInput, moment: Moment, stamp: Stamp): TrailRecord {
  return withFields(
    commonFields(
      {
        level: "AUDIT",
        name: "audit.trail",
        message: `${input.eventType} event for the audit trail`,
        serviceName: stamp.serviceName,
        recordId: stamp.recordId,
        outcome: input.outcome ?? (input.eventType === "GAP" ? "failure" : "success"),
      },
      moment,
    ),
    {
      event_type: input.eventType,
      details: { ...input.details },
    },
  );
}

/** The outcome is `unknown`: a log line tells of something, but does not say that it is over. */
export function buildContainer(input: ContainerInput, moment: Moment, stamp: Stamp): ContainerRecord {
  return withFields(
    commonFields(
      {
        level: input.level,
        name: input.category,
        message: input.message,
        serviceName: stamp.serviceName,
        recordId: stamp.recordId,
        outcome: "unknown",
        ...(input.extra && { extra: input.extra }),
      },
      moment,
    ),
    {
      path: input.path ?? null,
      module: input.module ?? null,
      function: input.function ?? null,
      exception: input.exception ?? null,
    },
  );
}
