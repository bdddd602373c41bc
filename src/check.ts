/**
 * Checks what users give us at start against a valibot schema, and says in one sentence what is wrong.
 *
 * @module
 */
import * as v from "valibot";
import { AuditError } from "./errors.js";

/**
 * The options as the schema reads them, with defaults filled in.
 *
 * @param where - the call that took them, for the message: `audit.start`, `auditLogging`
 * @throws {AuditError} `AUDIT_OPTION_UNKNOWN`, `AUDIT_OPTION_INVALID`
 */
export function checked<Schema extends v.GenericSchema>(
  where: string,
  schema: Schema,
  options: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, options, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = [where, v.getDotPath(issue)].filter(Boolean).join(".");
  if (issue.type === "strict_object" && issue.expected === "never") {
    throw new AuditError("AUDIT_OPTION_UNKNOWN", [path, knownKeys(schema, issue)]);
  }
  throw new AuditError("AUDIT_OPTION_INVALID", [path, foundIn(issue), expectedBy(schema, issue)]);
}

/** A function; valibot's own check cannot be given a signature. */
export function callback<Signature extends (...args: never[]) => unknown>() {
  return v.custom<Signature>((value) => typeof value === "function", "a function");
}

/** `false`, or what the schema takes. A plain union would only say that neither fits. */
export function orFalse<Schema extends v.GenericSchema>(schema: Schema) {
  return v.lazy((input) => (input === false ? v.literal(false) : schema)) as v.GenericSchema<
    false | v.InferInput<Schema>,
    false | v.InferOutput<Schema>
  >;
}

function foundIn(issue: v.BaseIssue<unknown>): string {
  if (isMissing(issue) || issue.input === undefined) return "missing";
  if (typeof issue.input === "string") return JSON.stringify(issue.input.slice(0, 80));
  return issue.received;
}

/** A message that we gave to the schema says it best; valibot's own begins with "Invalid". */
function expectedBy(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): string {
  if (!issue.message.startsWith("Invalid")) return issue.message;
  if (!isMissing(issue)) return issue.expected ?? issue.message;
  const { message } = entriesAround(schema, issue)[String(issue.path?.at(-1)?.key)] ?? {};
  return typeof message === "string" ? message : "a value";
}

/** For a key that is missing, valibot's issue is the object's. */
function isMissing(issue: v.BaseIssue<unknown>): boolean {
  return issue.type.endsWith("object") && issue.expected?.startsWith('"') === true;
}

function knownKeys(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): string {
  return Object.keys(entriesAround(schema, issue)).join(", ");
}

/** What the schema knows beside the key that the issue is about. */
function entriesAround(schema: v.GenericSchema, issue: v.BaseIssue<unknown>): Record<string, SchemaLike> {
  const path = (issue.path ?? []).slice(0, -1);
  const holder = path.reduce<unknown>(
    (at, { key, value }) => unwrapped(at, value)?.entries?.[`${key}`],
    schema,
  );
  return unwrapped(holder, issue.path?.at(-1)?.input)?.entries ?? {};
}

interface SchemaLike {
  readonly entries?: Record<string, SchemaLike>;
  readonly message?: unknown;
  readonly wrapped?: unknown;
  readonly getter?: (input: unknown) => unknown;
}

/** The object schema inside `optional`, `nullable` or `orFalse`. */
function unwrapped(schema: unknown, input: unknown): SchemaLike | undefined {
  const at = schema as SchemaLike | undefined;
  if (at?.wrapped) return unwrapped(at.wrapped, input);
  if (at?.getter) return unwrapped(at.getter(input), input);
  return at;
}
