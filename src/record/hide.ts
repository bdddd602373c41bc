/**
 * Does to one value what its name or form asks for, and remembers where and what.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import { hasSecret } from "./changes.js";
import type { KeyAction } from "./keys.js";
import { mask } from "./mask.js";
import { REDACTED } from "./markers.js";
import type { SecretKind } from "./patterns.js";
import { put } from "./plain.js";
import { wellFormed } from "./well-formed.js";

/** Shorter values are too common to be looked for elsewhere in a record. */
const MIN_ECHO = 8;
/** Cookies hold settings as often as secrets, so only what is long enough for a key counts. */
const MIN_COOKIE_ECHO = 16;
const MAX_ECHO = 4096;
const MAX_ECHOES = 32;

/** RFC 9110 §11: the scheme is public, and tells what kind of credentials were sent. IANA's list and AWS's. */
const SCHEME =
  /^(Basic|Bearer|Digest|DPoP|GNAP|HOBA|Mutual|Negotiate|NTLM|OAuth|PrivateToken|SCRAM-SHA-1|SCRAM-SHA-256|vapid|ApiKey|Token|AWS4-HMAC-SHA256)\s+(.+)$/isu;

/** Makes a value into a pseudonym: the same for the same value, and of no use to who does not have the key. */
export type Pseudonym = (value: string) => string;

/** @param key - at least 16 bytes, kept apart from the trail */
export function pseudonymFor(key: string | Uint8Array): Pseudonym {
  return (value) => `psn_${createHmac("sha256", key).update(value).digest("base64url").slice(0, 22)}`;
}

/** Why a value was hidden: the name it has, its form, or because it is hidden elsewhere in the record. */
export type Reason = "name" | "echo" | "route" | SecretKind;

/** One place where something was hidden. */
export interface Finding {
  /** A JSON Pointer relative to the value being walked; callers complete it on the way out. */
  path: string;
  readonly action: "redact" | "mask" | "pseudonymise";
  readonly reason: Reason;
}

/** What was hidden in one record. */
export class Hider {
  readonly findings: Finding[] = [];
  /** What, to look for the same value elsewhere in the record; and what stands for it. */
  echoes: Map<string, string> | undefined;

  constructor(private readonly pseudonym: Pseudonym | null) {}

  /** The value as it may be written. The same value if there is nothing to hide; else a path is added. */
  value(action: KeyAction, value: unknown, path = "", reason: Reason = "name"): unknown {
    if (!hasSecret(value) || value === REDACTED) return value;
    const shown = this.shown(action, value);
    if (shown !== value) this.findings.push({ path, action: wordOf(action), reason });
    return shown;
  }

  /** The same for a piece of a text, which stays a text. */
  text(action: KeyAction, value: string, path: string, reason: Reason = "name"): string {
    return String(this.value(action, value, path, reason));
  }

  /** Puts where a value stands in front of what was found in it since there were `known` findings. */
  complete(known: number, prefix: string): void {
    for (let index = known; index < this.findings.length; index += 1) {
      const finding = this.findings[index]!;
      finding.path = prefix + finding.path;
    }
  }

  private shown(action: KeyAction, value: unknown): unknown {
    switch (action) {
      case "mask":
        return this.echo(value, mask(value));
      case "pseudonymise":
        return this.pseudonymOf(value);
      case "authorization":
        return this.authorization(value);
      case "cookie":
        return this.cookies(value);
      default:
        return this.echo(value, REDACTED);
    }
  }

  private pseudonymOf(value: unknown): unknown {
    if (Array.isArray(value)) return value.map((part) => (hasSecret(part) ? this.pseudonymOf(part) : part));
    const text = typeof value === "object" ? wellFormed(JSON.stringify(value)) : String(value);
    if (/^psn_[\w-]{22}$/u.test(text)) return value;
    return this.echo(value, this.pseudonym ? this.pseudonym(text) : REDACTED);
  }

  private authorization(value: unknown): unknown {
    if (Array.isArray(value)) return replaceItems(value, (item) => this.authorization(item));
    const [, scheme, credentials] = (typeof value === "string" && SCHEME.exec(value)) || [];
    if (scheme === undefined || credentials === undefined) return this.echo(value, REDACTED);
    if (credentials === REDACTED) return value;
    this.echo(credentials, REDACTED);
    return `${scheme} ${REDACTED}`;
  }

  /** Of a cookie the name and the attributes stay, of parsed cookies the names. */
  private cookies(value: unknown): unknown {
    if (Array.isArray(value)) return replaceItems(value, (item) => this.cookies(item));
    if (typeof value === "string") return this.cookieText(value);
    if (typeof value !== "object" || value === null) return REDACTED;
    const copy: Record<string, unknown> = {};
    let changed = false;
    for (const [name, part] of Object.entries(value)) {
      const shown = hasSecret(part) && part !== REDACTED ? this.echo(part, REDACTED, MIN_COOKIE_ECHO) : part;
      changed ||= shown !== part;
      put(copy, name, shown);
    }
    return changed ? copy : value;
  }

  private cookieText(text: string): string {
    let shown = "";
    for (const [index, pair] of text.split(";").entries()) {
      shown += index === 0 ? "" : ";";
      const equals = pair.indexOf("=");
      const name = pair.slice(0, equals === -1 ? 0 : equals).trim();
      if (equals === -1) shown += index === 0 ? REDACTED : isAttribute(pair.trim()) ? pair : ` ${REDACTED}`;
      else if (index > 0 && isAttribute(name)) shown += this.cookieAttribute(pair);
      else shown += `${pair.slice(0, equals + 1)}${this.cookieValue(pair.slice(equals + 1))}`;
    }
    return shown;
  }

  /** Where several `Set-Cookie` were joined to one text, the next stands behind a comma; behind that of a date is no name. */
  private cookieAttribute(pair: string): string {
    const start = /,\s*[^\s=,]+=/u.exec(pair);
    if (!start) return pair;
    const end = start.index + start[0].length;
    return pair.slice(0, end) + this.cookieValue(pair.slice(end));
  }

  private cookieValue(value: string): string {
    return value === "" ? value : String(this.echo(value.trim(), REDACTED, MIN_COOKIE_ECHO));
  }

  /** Remembers a value that is hidden, with what stands for it. */
  private echo(value: unknown, shown: unknown, shortest = MIN_ECHO): unknown {
    if (typeof value !== "string" && typeof value !== "number") return shown;
    const text = String(value);
    if (text.length < shortest || text.length > MAX_ECHO || text === REDACTED) return shown;
    this.echoes ??= new Map();
    if (this.echoes.size < MAX_ECHOES) this.echoes.set(text, String(shown));
    return shown;
  }
}

function wordOf(action: KeyAction): Finding["action"] {
  return action === "mask" || action === "pseudonymise" ? action : "redact";
}

/** RFC 6265 §4.1.1, and the newer ones that browsers know. */
function isAttribute(name: string): boolean {
  return /^(?:expires|max-age|domain|path|secure|httponly|samesite|priority|partitioned)$/iu.test(name);
}

function replaceItems(items: readonly unknown[], replace: (item: unknown) => unknown): readonly unknown[] {
  const shown = items.map(replace);
  return shown.some((item, index) => item !== items[index]) ? shown : items;
}
