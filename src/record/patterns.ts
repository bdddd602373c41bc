/**
 * Values that show by their own form that they are secrets, wherever they stand.
 *
 * Each has an anchor, a text that every such value holds: searching a line for anchors costs little, and
 * only a line that has one is looked at more closely.
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
  readonly anchors: readonly string[];
  readonly form: RegExp;
  /** A second look at what the expression found. */
  readonly confirm?: (found: string) => boolean;
}

const FORMS: readonly SecretForm[] = [
  // RFC 7515 §3.1 and RFC 7516 §3.1: a header, which begins with `{"`, and two or four more parts.
  { kind: "jwt", anchors: ["eyJ"], form: /eyJ[\w-]{10,}(?:\.[\w-]*){2,4}/gu },
  // RFC 7468 §10, and OpenSSH's and PGP's own forms; to the end of the text if it is cut off.
  {
    kind: "privateKey",
    anchors: ["PRIVATE KEY"],
    form: /-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----|$)/gu,
  },
  { kind: "privateKey", anchors: ["PuTTY-User-Key-File"], form: /PuTTY-User-Key-File[\s\S]*/gu },
  { kind: "cloudKey", anchors: ["AKIA", "ASIA"], form: /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/gu },
  { kind: "cloudKey", anchors: ["AIza"], form: /\bAIza[\w-]{35}/gu },
  { kind: "cloudKey", anchors: ["ya29."], form: /\bya29\.[\w-]{20,}/gu },
  {
    kind: "cloudKey",
    anchors: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    form: /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,})/gu,
  },
  { kind: "cloudKey", anchors: ["glpat-"], form: /\bglpat-[\w-]{20,}/gu },
  { kind: "cloudKey", anchors: ["xox"], form: /\bxox[abeoprs]-[\w-]{10,}/gu },
  {
    kind: "cloudKey",
    anchors: ["_live_", "_test_"],
    form: /\b(?:sk|rk|whsec)_(?:live|test)_[A-Za-z0-9]{10,}/gu,
  },
  { kind: "cloudKey", anchors: ["sk-"], form: /\bsk-[A-Za-z0-9_-]{32,}/gu },
  { kind: "cloudKey", anchors: ["SG."], form: /\bSG\.[\w-]{16,}\.[\w-]{16,}/gu },
  { kind: "cloudKey", anchors: ["npm_"], form: /\bnpm_[A-Za-z0-9]{36}\b/gu },
  {
    kind: "cloudKey",
    anchors: ["shpat_", "shpss_", "dop_v1_"],
    form: /\b(?:shpat|shpss|dop_v1)_[a-fA-F0-9]{32,}/gu,
  },
  { kind: "cloudKey", anchors: ["hf_"], form: /\bhf_[A-Za-z0-9]{30,}\b/gu },
  // The scheme's name stays. A word alone is prose ("Basic authentication"); credentials have digits or padding.
  {
    kind: "authScheme",
    anchors: ["earer ", "asic ", "EARER ", "ASIC ", "earer%20", "asic%20"],
    form: /(?<=\b(?:bearer|basic)(?: {1,4}|%20))[\w.~+/=-]{8,}/giu,
    confirm: (found) => /[\d=]|[a-z][A-Z]/u.test(found) && found !== "[REDACTED]",
  },
  {
    kind: "cardNumber",
    anchors: [],
    form: /(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-]|\.\d)/gu,
    confirm: isCardNumber,
  },
];

/** Finds secrets by their form. */
export class SecretForms {
  private readonly forms: readonly SecretForm[];
  private readonly anchors: readonly string[];
  private readonly cards: boolean;

  constructor(kinds: readonly SecretKind[]) {
    this.forms = FORMS.filter(({ kind }) => kinds.includes(kind));
    this.anchors = this.forms.flatMap(({ anchors }) => anchors);
    this.cards = kinds.includes("cardNumber");
  }

  /** Whether there may be one: never false when there is. */
  mayBeIn(text: string): boolean {
    for (const anchor of this.anchors) if (text.includes(anchor)) return true;
    return this.cards && /\d(?:[ -]?\d){12}/u.test(text);
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
