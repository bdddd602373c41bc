/**
 * A redaction policy, made ready for use.
 *
 * @module
 */
import { AuditError } from "../errors.js";
import { CleanCheck } from "./clean.js";
import { Hider, pseudonymFor, type Pseudonym } from "./hide.js";
import { Hints } from "./hints.js";
import { KeyTable, type KeyRules } from "./keys.js";
import { LIMITS, UNLIMITED, type Limits } from "./limits.js";
import { DEFAULT_KINDS, SECRET_KINDS, SecretForms, type SecretKind } from "./patterns.js";
import { CallLines } from "./call-line.js";
import { RecordLines } from "./record-line.js";
import { RequestLines } from "./request-line.js";
import { Walk, type Rules } from "./walk.js";

/**
 * What is hidden in records beyond the default list, and how. Names are compared whole; case, `_`, `-`, `.`
 * and spaces do not count. A name in several lists is treated as the last of `redact`, `mask`, `pseudonymise`
 * says; `keep` wins over all.
 *
 * @example
 * const redact: RedactionPolicy = { mask: ["phone", "email"], keep: ["pin"], detect: true };
 * audit.start({ serviceName: "clinic", redact });
 */
export interface RedactionPolicy extends KeyRules {
  /** Names whose value is gone: `"[REDACTED]"`. Added to the default list. */
  readonly redact?: readonly string[];
  /** Names whose value is written in part: `"***4567"`. Default none. */
  readonly mask?: readonly string[];
  /**
   * Names whose value is replaced by a keyed HMAC-SHA-256 of it: the same for the same value. Default none.
   */
  readonly pseudonymise?: readonly string[];
  /**
   * The key for `pseudonymise`, at least 16 bytes. Who has it can test guesses, so keep it apart from the
   * trail. No default: required with `pseudonymise`.
   */
  readonly pseudonymKey?: string | Uint8Array;
  /** Names of the default list that are not hidden. */
  readonly keep?: readonly string[];
  /**
   * Kinds of values hidden by their form, wherever they stand. Default `jwt`, `privateKey`, `cloudKey` and
   * `authScheme`; `true` is these and `cardNumber` (one in ten 16-digit numbers passes its check), `false` none.
   */
  readonly detect?: boolean | readonly SecretKind[];
  /** Bounds of a record; default 32 levels, 1000 entries, 32768 characters a string, 262144 in all. */
  readonly limits?: Partial<Limits>;
}

/** Hides what its policy says, in records (through `encode`) and in texts. */
export class Redactor {
  readonly limits: Limits;
  readonly forms: SecretForms;
  private readonly rules: Rules;
  private readonly check: CleanCheck;
  /** Makes lines of requests that came in. */
  readonly requests: RequestLines;
  /** And of HTTP calls that went out. */
  readonly calls: CallLines;
  /** And of packed records. */
  readonly packed: RecordLines;
  private readonly pseudonym: Pseudonym | null;

  constructor(readonly policy: RedactionPolicy = {}) {
    check(policy);
    this.forms = new SecretForms(kindsOf(policy.detect));
    const keys = new KeyTable(policy, this.forms);
    this.rules = { keys, hints: new Hints(keys.names()), forms: this.forms };
    this.pseudonym = policy.pseudonymKey === undefined ? null : pseudonymFor(policy.pseudonymKey);
    this.limits = Object.freeze({ ...LIMITS, ...policy.limits });
    this.check = new CleanCheck(this.rules, this.limits);
    const { rules, limits, pseudonym } = this;
    const tools = { rules, limits, pseudonym, check: new CleanCheck(rules, limits) };
    this.requests = new RequestLines(tools);
    this.calls = new CallLines(tools);
    this.packed = new RecordLines(tools);
  }

  /** True only for a record that is plain data within the limits, with nothing in it to hide. */
  isClean(record: object): boolean {
    return this.check.record(record);
  }

  /** A walk through one record. */
  walk(limits: Limits): Walk {
    return new Walk(this.rules, new Hider(this.pseudonym), limits);
  }

  /** A text as it may be shown: a message on the console, the stack of an error. */
  text(text: string): string {
    return this.walk(UNLIMITED).text(text);
  }
}

/**
 * Makes a redactor of a policy. It keeps nothing of what it has seen but field names and
 * their order, up to 4096 of each, and what shapes of records came to.
 *
 * @throws {AuditError} `AUDIT_OPTION_INVALID`: `pseudonymise` without a key of 16 bytes, an unknown kind, no list of names,
 *   a limit that is no number; `AUDIT_OPTION_UNKNOWN`
 */
export function createRedactor(policy: RedactionPolicy = {}): Redactor {
  return new Redactor(policy);
}

function kindsOf(detect: RedactionPolicy["detect"] = DEFAULT_KINDS): readonly SecretKind[] {
  if (typeof detect === "boolean") return detect ? SECRET_KINDS : [];
  return detect;
}

const LISTS = ["redact", "mask", "pseudonymise", "keep"] as const;
const KNOWN = [...LISTS, "pseudonymKey", "detect", "limits"];

/* Names are as in the options of `audit.start()`, which has checked the types; a policy that is only tried has not been. */
function check(policy: RedactionPolicy): void {
  known(policy, KNOWN, "redact");
  for (const list of LISTS) {
    if (policy[list] !== undefined && !Array.isArray(policy[list])) {
      throw new AuditError("AUDIT_OPTION_INVALID", [`redact.${list}`, "no list", "a list of names"]);
    }
  }
  checkPseudonyms(policy);
  checkKinds(policy.detect);
  checkLimits(policy.limits ?? {});
}

function known(given: object, names: readonly string[], where: string): void {
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new AuditError("AUDIT_OPTION_UNKNOWN", [`${where}.${unknown}`, names.join(", ")]);
}

function checkPseudonyms({ pseudonymise = [], pseudonymKey }: RedactionPolicy): void {
  if (pseudonymise.length > 0 && pseudonymKey === undefined) {
    throw new AuditError("AUDIT_OPTION_INVALID", [
      "redact.pseudonymKey",
      "missing",
      "a secret of at least 16 bytes, because `pseudonymise` names fields",
    ]);
  }
  if (pseudonymKey !== undefined && Buffer.byteLength(pseudonymKey) < 16) {
    throw new AuditError("AUDIT_OPTION_INVALID", [
      "redact.pseudonymKey",
      `${Buffer.byteLength(pseudonymKey)} bytes long`,
      "at least 16 bytes, or its pseudonyms could be undone by trying keys",
    ]);
  }
}

function checkKinds(detect: RedactionPolicy["detect"]): void {
  const unknown = Array.isArray(detect) ? detect.find((kind) => !SECRET_KINDS.includes(kind)) : undefined;
  if (unknown === undefined) return;
  const expected = SECRET_KINDS.map((kind) => `"${kind}"`).join(", ");
  throw new AuditError("AUDIT_OPTION_INVALID", ["redact.detect", JSON.stringify(unknown), expected]);
}

function checkLimits(limits: Partial<Limits>): void {
  known(limits, Object.keys(LIMITS), "redact.limits");
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value === "number" && value >= 1) continue;
    throw new AuditError("AUDIT_OPTION_INVALID", [
      `redact.limits.${name}`,
      JSON.stringify(value) ?? "missing",
      "a number, at least 1",
    ]);
  }
}
