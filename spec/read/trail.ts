/**
 * Trails to read: lines of the record format made from a seed, and the files that a writer would leave.
 *
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { formatTimestamp } from "#dist/record/timestamp";

/** A record as plain data, to be compared with. */
export type Made = Record<string, any>;

/** A folder that is gone after the run. */
export function temporaryFolder(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), "trail-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Mulberry32: the same numbers for the same seed. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const START = Date.UTC(2026, 0, 5, 9);
const pick = <T>(items: readonly T[], random: (below: number) => number): T => items[random(items.length)]!;

/** One record; `index` makes its time and its id. */
export function makeRecord(index: number, random: (below: number) => number): Made {
  const kind = random(10);
  const user = random(8) === 0 ? null : { id: random(40), name: pick(["Ana", "Béla", "Chen"], random) };
  const common = (level: string, name: string, message: string, outcome: string): Made => ({
    timestamp: formatTimestamp(START + index * 37),
    level,
    name,
    message,
    service_name: "clinic",
    user,
    record_id: recordId(index),
    schema: 1,
    request_id: `req-${Math.floor(index / 5)}`,
    parent_id: null,
    trace_id: null,
    span_id: null,
    outcome,
    extra: {},
  });
  if (kind < 4) return row(common, random);
  if (kind < 8) return request(common, random);
  if (kind < 9) {
    const success = random(3) > 0;
    return {
      ...common("LOGIN", "audit.login", "LOGIN event for User", success ? "success" : "failure"),
      event: pick(["login", "logout"], random),
      success,
      error: success ? null : "no such user",
    };
  }
  return {
    ...common("INFO", "app.start", pick(["listening", 'went "away"\n', "naïve café"], random), "unknown"),
    path: null,
    module: null,
    function: null,
    exception: null,
  };
}

function row(
  common: (...of: [string, string, string, string]) => Made,
  random: (below: number) => number,
): Made {
  const model = pick(["Patient", "Visit"], random);
  const id = String(random(200));
  const event = pick(["CREATE", "UPDATE", "DELETE"], random);
  return {
    ...common("AUDIT", "audit.crud", `${event} event for ${model} (id: ${id})`, "success"),
    model,
    table: `${model.toLowerCase()}s`,
    event_type: event,
    instance_id: id,
    instance_label: null,
    instance_repr: { id, ward: random(9), note: "x".repeat(random(60)) },
    changed_fields: event === "UPDATE" ? { ward: { from: random(9), to: random(9) } } : {},
    transaction_id: null,
  };
}

function request(
  common: (...of: [string, string, string, string]) => Made,
  random: (below: number) => number,
): Made {
  const internal = random(3) > 0;
  const status = pick([200, 200, 200, 201, 404, 500, 503, null], random);
  const outcome = status !== null && status < 400 ? "success" : "failure";
  const message = internal ? "Audit Internal Request" : "Audit External Service";
  const route = internal ? pick(["/patients/:id", "/patients", "/wards/:id/moves"], random) : null;
  return {
    ...common("API", "audit.request", message, outcome),
    ...(!internal && { service_name: pick(["apollo", "lab"], random) }),
    request_type: internal ? "internal" : "external",
    protocol: "https",
    request_repr: {
      method: pick(["GET", "POST"], random),
      ...(internal ? { path: "/patients/9" } : { endpoint: "https://apollo.example/v1" }),
      query_params: {},
      headers: {},
      body: null,
    },
    response_repr: { status_code: status, headers: {}, body: null },
    error_message: status === null ? "connect ECONNREFUSED" : null,
    execution_time: random(2_000_000) / 1e6,
    route,
    handler: null,
  };
}

function recordId(index: number): string {
  const hex = (START + index * 37).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-${index.toString(16).padStart(12, "0")}`;
}

const LOGS: Record<string, string> = {
  "audit.crud": "audit",
  "audit.request": "api",
  "audit.login": "login",
};

export function logOf(record: Made): string {
  return LOGS[record["name"] as string] ?? "app";
}

/** `rotations` parts of time, each in a backup of every log, the odd ones compressed; the last one live. */
export function writeTrail(folder: string, records: readonly Made[], rotations = 3): void {
  const each = Math.ceil(records.length / (rotations + 1));
  for (let part = 0; part <= rotations; part += 1) {
    const some = records.slice(part * each, (part + 1) * each);
    for (const log of ["app", "audit", "api", "login"]) {
      const text = some
        .filter((record) => logOf(record) === log)
        .map((record) => `${JSON.stringify(record)}\n`)
        .join("");
      if (part === rotations) writeFileSync(join(folder, `${log}.log`), text);
      else {
        const stamp = (some.at(-1)!["timestamp"] as string).replaceAll(/[-:]/gu, "").replace(" ", "T");
        const path = join(folder, `${log}-${stamp}Z-${part.toString(16).padStart(8, "0")}.log`);
        if (part % 2 === 1) writeFileSync(`${path}.gz`, gzipSync(text));
        else writeFileSync(path, text);
      }
    }
  }
}

export function makeRecords(count: number, seed: number): Made[] {
  const random = randomOf(seed);
  return Array.from({ length: count }, (_, index) => makeRecord(index, random));
}
