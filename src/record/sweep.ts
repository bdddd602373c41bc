/**
 * A second look at a record, taken only where its line shows that something is left: a value of a secret's
 * form, or a value again that was hidden elsewhere in the record (a password in an error's message).
 *
 * @module
 */
import { isIdentifier } from "./fields.js";
import type { Hider } from "./hide.js";
import { REDACTED } from "./markers.js";
import type { SecretForms } from "./patterns.js";
import { type Fields, put } from "./plain.js";
import { step } from "./text.js";

/** Of no character that means something in a URL or in JSON. */
const PLAIN = /^[\w.~!*'()-]*$/;

/** Whether the line holds a value that was hidden. */
export function hasEcho(line: string, echoes: ReadonlyMap<string, string>): boolean {
  for (const secret of echoes.keys()) {
    // What no URL needs to encode, no JSON needs to escape.
    if (PLAIN.test(secret)) {
      if (holds(line, secret)) return true;
    } else if (holds(line, encoded(secret)) || holds(line, JSON.stringify(secret).slice(1, -1))) return true;
  }
  return false;
}

/**
 * `line.includes(secret)`. V8 looks for the first character and then at the next ones; a token begins with one that
 * stands in every line a hundred times (`eyJ…`), which took as long as all else that is done for an echo.
 */
function holds(line: string, secret: string): boolean {
  const rare = secret.slice(0, -6).search(/[A-Z]|[jqxz]/);
  return (rare <= 0 || line.includes(secret.slice(rare))) && line.includes(secret);
}

export class Sweep {
  private readonly echoes: readonly (readonly [string, string])[];

  constructor(
    private readonly hider: Hider,
    private readonly forms: SecretForms,
  ) {
    // Longest first: a secret may be part of another.
    this.echoes = [...(hider.echoes ?? [])]
      .flatMap(([secret, shown]) => [[secret, shown] as const, [encoded(secret), shown] as const])
      .toSorted(([one], [other]) => other.length - one.length);
  }

  record(record: Fields): Fields {
    let copy: Fields | undefined;
    for (const key of Object.keys(record)) {
      if (isIdentifier(key)) continue;
      const known = this.hider.findings.length;
      const shown = this.value(record[key]);
      if (shown === record[key]) continue;
      this.hider.complete(known, step(key));
      copy ??= { ...record };
      put(copy, key, shown);
    }
    return copy ?? record;
  }

  text(text: string): string {
    let shown = this.forms.replaceIn(text, (_, kind) => {
      this.hider.findings.push({ path: `#${kind}`, action: "redact", reason: kind });
      return REDACTED;
    });
    for (const [secret, replacement] of this.echoes) {
      if (!shown.includes(secret)) continue;
      shown = shown.replaceAll(secret, () => replacement);
      this.hider.findings.push({ path: "", action: "redact", reason: "echo" });
    }
    return shown;
  }

  private value(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (typeof value === "number") return this.number(value);
    if (typeof value !== "object" || value === null) return value;
    return Array.isArray(value) ? this.list(value) : this.fields(value as Fields);
  }

  private number(value: number): unknown {
    if (!Number.isInteger(value) || value < 1e7) return value;
    const text = String(value);
    const shown = this.text(text);
    return shown === text ? value : shown;
  }

  private list(items: readonly unknown[]): readonly unknown[] {
    const shown = items.map((item, index) => {
      const known = this.hider.findings.length;
      const swept = this.value(item);
      this.hider.complete(known, step(index));
      return swept;
    });
    return shown.some((item, index) => item !== items[index]) ? shown : items;
  }

  /** Names are swept as well: a Map may have secrets for keys. */
  private fields(source: Fields): Fields {
    const copy: Fields = {};
    let changed = false;
    for (const key of Object.keys(source)) {
      const known = this.hider.findings.length;
      const name = this.text(key);
      const shown = this.value(source[key]);
      this.hider.complete(known, step(name));
      changed ||= shown !== source[key] || name !== key;
      put(copy, name, shown);
    }
    return changed ? copy : source;
  }
}

function encoded(secret: string): string {
  if (PLAIN.test(secret)) return secret;
  try {
    return encodeURIComponent(secret);
  } catch {
    // Half a surrogate pair has no UTF-8, so no URL holds it.
    return secret;
  }
}
