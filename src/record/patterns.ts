/**
 * Values that show by their own form that they are secrets, wherever they stand.
 *
 * Each has a hint, a short text that every such value holds. One expression looks for all hints at once, and
 * only a text that has one is looked at more closely.
 *
 * @module
 */

/** Kinds of secrets that are known by their form. */
export type SecretKind = "jwt" | "privateKey" | "cloudKey" | "authScheme" | "cardNumber";

export const SECRET_KINDS: readonly SecretKind[] = [
  "jwt",
  "privateKey",
  "cloudKey",
  "authScheme",
  "cardNumber",
];

/** On unless a policy says otherwise: what these find is nearly always a secret. */
export const DEFAULT_KINDS: readonly SecretKind[] = ["jwt", "privateKey", "cloudKey", "authScheme"];

interface SecretForm {
  readonly kind: SecretKind;
  /** What every such value holds, as the source of an expression. */
  readonly hint: string;
  readonly form: RegExp;
  /** A second look at what the expression found. */
  readonly confirm?: (found: string) => boolean;
}

const FORMS: readonly SecretForm[] = [
  // RFC 7515 §3.1 and RFC 7516 §3.1: a header, which begins with `{"`, and two or four more parts.
  // The header's length is bounded, so that a text of many beginnings and no dot costs no quadratic time.
  { kind: "jwt", hint: "eyJ", form: /eyJ[\w-]{10,4096}(?:\.[\w-]*){2,4}/gu },
  // RFC 7468 §10, and OpenSSH's and PGP's own forms; to the end of the text if it is cut off.
  {
    kind: "privateKey",
    hint: "PRIVATE(?: |%20)KEY",
    form: /-----BEGIN(?:[A-Z ]|%20){1,40}PRIVATE(?: |%20)KEY[\s\S]*?(?:-----END(?:[A-Z ]|%20){1,60}-----|$)/gu,
  },
  { kind: "privateKey", hint: "PuTTY-User-Key-File", form: /PuTTY-User-Key-File[\s\S]*/gu },
  { kind: "cloudKey", hint: "AKIA|ASIA", form: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/gu },
  { kind: "cloudKey", hint: "AIza", form: /\bAIza[\w-]{35}/gu },
  { kind: "cloudKey", hint: "ya29\\.", form: /\bya29\.[\w-]{20,}/gu },
  {
    kind: "cloudKey",
    hint: "ghp_|gho_|ghu_|ghs_|ghr_|github_pat_",
    form: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})/gu,
  },
  { kind: "cloudKey", hint: "glpat-", form: /\bglpat-[\w-]{20,}/gu },
  { kind: "cloudKey", hint: "xox", form: /\bxox[abeoprs]-[\w-]{10,}/gu },
  {
    kind: "cloudKey",
    hint: "_live_|_test_",
    form: /\b(?:sk|rk|whsec)_(?:live|test)_[A-Za-z0-9]{10,}/gu,
  },
  { kind: "cloudKey", hint: "sk-", form: /\bsk-[A-Za-z0-9_-]{32,}/gu },
  { kind: "cloudKey", hint: "SG\\.", form: /\bSG\.[\w-]{16,}\.[\w-]{16,}/gu },
  { kind: "cloudKey", hint: "npm_", form: /\bnpm_[A-Za-z0-9]{36}\b/gu },
  {
    kind: "cloudKey",
    hint: "shpat_|shpss_|dop_v1_",
    form: /\b(?:shpat|shpss|dop_v1)_[a-fA-F0-9]{32,}/gu,
  },
  { kind: "cloudKey", hint: "hf_", form: /\bhf_[A-Za-z0-9]{30,}\b/gu },
  // The scheme's name stays. A word alone is prose ("Basic authentication"); credentials have digits or padding.
  {
    kind: "authScheme",
    hint: "(?:[eE][aA][rR][eE][rR]|[aA][sS][iI][cC])(?: |%20)[^[ ]",
    form: /(?<=\b(?:bearer|basic)(?: {1,4}|%20))[\w.~+/=-]{8,}/giu,
    confirm: (found) => /[\d=]|[a-z][A-Z]/u.test(found),
  },
  {
    kind: "cardNumber",
    hint: "\\d(?:[ -]?\\d){12}",
    form: /(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-]|\.\d)/gu,
    confirm: isCardNumber,
  },
];

/** Shorter texts hold none, or none that is worth asking every text for. */
export const SHORTEST_FORM = 20;

/** Finds secrets by their form. */
export class SecretForms {
  /** Whether numbers are looked at too. */
  readonly inNumbers: boolean;
  private readonly forms: readonly SecretForm[];
  /** Meets every text that holds one. */
  readonly hint: RegExp;

  constructor(kinds: readonly SecretKind[]) {
    this.forms = FORMS.filter(({ kind }) => kinds.includes(kind));
    // Of no hints at all, an expression that is never met.
    this.hint = new RegExp(this.forms.map(({ hint }) => hint).join("|") || "$^x");
    this.inNumbers = kinds.includes("cardNumber");
  }

  /** Whether there may be one: never false when there is. */
  mayBeIn(text: string): boolean {
    return this.hint.test(text);
  }

  /** `text` with each secret replaced by what `hide` makes of it. */
  replaceIn(text: string, hide: (secret: string, kind: SecretKind) => string): string {
    let shown = text;
    for (const { kind, form, confirm } of this.forms) {
      shown = shown.replace(form, (found) => (confirm && !confirm(found) ? found : hide(found, kind)));
    }
    return shown;
  }
}

/** ISO/IEC 7812: the check digit of Luhn, and a first digit that card networks have. */
function isCardNumber(text: string): boolean {
  const digits = text.replaceAll(/\D/gu, "");
  if (!/^[2-6]/u.test(digits) || /^(\d)\1*$/u.test(digits)) return false;
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    sum += index % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2;
  }
  return sum % 10 === 0;
}
