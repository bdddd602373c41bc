/**
 * Which records are asked for. The same words in the command line, the viewer and programs.
 *
 * @module
 */
import { AuditError } from "../errors.js";
import { formatTimestamp } from "../record/timestamp.js";
import { facts, folded } from "./facts.js";
import type { LogRecord } from "./parse.js";

/** All that is given must hold; of a list, one of its values. */
export interface RecordFilter {
  /** `audit.crud`, `audit.request` …: the record's `name`. */
  readonly name?: readonly string[] | undefined;
  /** `user.id`, as text. */
  readonly user?: readonly string[] | undefined;
  /** The model of a row, or the type of an event's target. */
  readonly model?: readonly string[] | undefined;
  /** The primary key of a row, or the id of an event's target. */
  readonly id?: readonly string[] | undefined;
  /** `UPDATE`, `login`, `GAP`, or an `action`. */
  readonly event?: readonly string[] | undefined;
  /** `success`, `failure`, `denied`, `aborted`, `unknown`. */
  readonly outcome?: readonly string[] | undefined;
  /** The route's pattern; `*` stands for anything. */
  readonly route?: readonly string[] | undefined;
  /** The record's `service_name`. */
  readonly service?: readonly string[] | undefined;
  /** `404`, `5xx`, `>=400`. */
  readonly status?: readonly string[] | undefined;
  /** The record's `request_id`. */
  readonly request?: readonly string[] | undefined;
  /** The first moment, as `timestamp` is written: see {@link moment}. */
  readonly since?: string | undefined;
  /** The first moment that is too late. */
  readonly until?: string | undefined;
  /** Anywhere in the record, whatever its case. */
  readonly text?: string | undefined;
}

/** A filter made ready. */
export interface Matcher {
  test(record: LogRecord): boolean;
  /** False for a line whose record cannot pass: cheaper than to parse it. */
  mayHold(line: Buffer): boolean;
}

const EQUAL = ["name", "user", "model", "event", "outcome", "service", "request"] as const;

/** @throws {AuditError} `AUDIT_FILTER_INVALID` */
export function matcher(filter: RecordFilter = {}): Matcher {
  const tests: ((record: LogRecord) => boolean)[] = [];
  const needles: Buffer[] = [];
  for (const field of EQUAL) {
    const wanted = filter[field];
    if (!wanted) continue;
    const values = new Set(wanted);
    const read = facts[field];
    tests.push((record) => values.has(read(record) as string));
    if (wanted.length === 1) needles.push(...needleOf(wanted[0]!));
  }
  if (filter.id) {
    const values = new Set(filter.id);
    tests.push((record) => facts.ids(record).some((id) => values.has(id)));
    if (filter.id.length === 1) needles.push(...needleOf(filter.id[0]!));
  }
  if (filter.route) {
    const patterns = filter.route.map(glob);
    tests.push((record) => {
      const route = facts.route(record);
      return route !== undefined && patterns.some((pattern) => pattern.test(route));
    });
  }
  if (filter.status) {
    const ranges = filter.status.map(statusRange);
    tests.push((record) => {
      const status = facts.status(record);
      return status !== undefined && ranges.some(({ from, to }) => status >= from && status <= to);
    });
  }
  const { since, until, text } = filter;
  if (since !== undefined) tests.push(({ timestamp }) => timestamp >= since);
  if (until !== undefined) tests.push(({ timestamp }) => timestamp < until);
  if (text !== undefined) {
    const sought = folded(JSON.stringify(text).slice(1, -1));
    tests.push((record) => facts.contains(record, sought));
  }
  return {
    test: (record) => tests.every((holds) => holds(record)),
    mayHold: (line) => needles.every((needle) => line.includes(needle)),
  };
}

/** What is in every line that has this value; nothing, where JSON can write it in several ways. */
export function needleOf(value: string): Buffer[] {
  return /^[\w .:@-]+$/u.test(value) ? [Buffer.from(value)] : [];
}

function glob(pattern: string): RegExp {
  const parts = pattern.split("*").map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/gu, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "su");
}

/** @throws {AuditError} `AUDIT_FILTER_INVALID` */
export function statusRange(text: string): { from: number; to: number } {
  const [, sign, digits] = /^(<=?|>=?)?(\d{1,3}|\dxx)$/iu.exec(text) ?? [];
  const number = Number(digits?.replaceAll(/x/giu, "0"));
  if (digits === undefined || (sign && /x/iu.test(digits))) {
    throw new AuditError("AUDIT_FILTER_INVALID", ["status", text, "404, 5xx, >=400 or <500"]);
  }
  if (sign === ">") return { from: number + 1, to: Infinity };
  if (sign === ">=") return { from: number, to: Infinity };
  if (sign === "<") return { from: -Infinity, to: number - 1 };
  if (sign === "<=") return { from: -Infinity, to: number };
  return { from: number, to: /x/iu.test(digits) ? number + 99 : number };
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const PARTS =
  /^(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?)?$/u;

/**
 * A moment as `timestamp` has it, of `2026-01-05`, `2026-01-05 09:12` (UTC), ISO 8601 with an offset, `now`, or a time
 * ago: `30s`, `15m`, `2h`, `7d`, `1w`.
 *
 * @param field - for the message
 * @throws {AuditError} `AUDIT_FILTER_INVALID`
 */
export function moment(field: string, text: string, now: number): string {
  const given = text.trim();
  const [, count, unit] = /^(\d+)\s*([smhdw])$/u.exec(given) ?? [];
  if (given === "now") return formatTimestamp(now);
  if (count) return formatTimestamp(now - Number(count) * UNITS[unit!]!);
  const [
    whole,
    year,
    month,
    day = "01",
    hour = "00",
    minute = "00",
    second = "00",
    fraction = "",
    zone = "Z",
  ] = PARTS.exec(given) ?? [];
  const milliseconds = fraction.slice(0, 3).padEnd(3, "0");
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milliseconds}${zone}`;
  const at = whole === undefined ? Number.NaN : Date.parse(iso);
  // `Date.parse` takes 31 February as 3 March.
  const real = Date.parse(`${year}-${month}-${day}T00:00:00Z`);
  if (Number.isNaN(at) || new Date(real).getUTCDate() !== Number(day)) {
    throw new AuditError("AUDIT_FILTER_INVALID", [
      field,
      text,
      'a time such as "2026-01-05 09:12" (UTC), "2026-01-05T09:12:00+02:00", "2h" or "7d"',
    ]);
  }
  return formatTimestamp(at);
}
