/**
 * The parts that lines made of pieces of text are put together from, one line at a time.
 *
 * Each part is JSON in which nothing is to be hidden, or `undefined`: then the whole record goes the long way, by an
 * object, a walk and the native serializer, which says what the line has to be.
 *
 * @module
 */
import type { CapturedBody } from "../capture/event.js";
import type { Actor, AuditContext } from "../context/context.js";
import { bodyOf, bodyOfText, isPlainJson, joined, mayBeJson } from "./body.js";
import type { CleanCheck } from "./clean.js";
import { actorOf, userOf } from "./common.js";
import { flatJson } from "./flat-json.js";
import { quoted, quotedOrNull } from "./head-text.js";
import { Hider, type Pseudonym } from "./hide.js";
import { formFields, PLAIN_FORM } from "./http.js";
import { JsonScan } from "./json-scan.js";
import { LIMITS, MAX_IDENTIFIER, type Limits, VALUE_COST } from "./limits.js";
import { isEmpty } from "./plain.js";
import { hasEcho } from "./sweep.js";
import { formatTimestamp } from "./timestamp.js";
import type { Outcome } from "./types.js";
import type { Rules } from "./walk.js";
import { wellFormed } from "./well-formed.js";

/** Of `Limits.total`, for the two bodies; the rest of the line may have a fifth of the whole in characters. */
const BODIES = 2;
const REST = 5;

/** What a redaction policy came to, for lines. */
export interface LineTools {
  readonly rules: Rules;
  readonly limits: Limits;
  readonly check: CleanCheck;
  readonly pseudonym: Pseudonym | null;
}

/** What every line of the category `audit.request` begins with, its foreign parts as JSON. */
interface Beginning {
  readonly at: number;
  readonly message: string;
  /** Quoted already. */
  readonly service: string;
  readonly user: string;
  readonly recordId: string;
  readonly parentId: string | null;
  readonly outcome: Outcome;
  readonly extra: string;
}

export class LineParts {
  /** False where a policy looks into numbers, allows little or hides fields of the record: that is for the walk. */
  readonly possible: boolean;
  private readonly scan: JsonScan;
  private left = 0;
  private hider: Hider;

  /** @param names - the fields of the record under which something foreign stands; a policy may hide those too */
  constructor(
    private readonly tools: LineTools,
    names: string,
  ) {
    const { rules, limits, pseudonym } = tools;
    this.scan = new JsonScan(rules, limits);
    this.hider = new Hider(pseudonym);
    this.possible =
      !rules.forms.inNumbers &&
      names.split(" ").every((name) => rules.keys.actionOf(name) === "keep") &&
      (Object.keys(LIMITS) as (keyof Limits)[]).every((name) => limits[name] >= LIMITS[name]);
  }

  /** @returns for what is hidden in the headers */
  begin(): Hider {
    this.tools.check.begin();
    this.left = this.tools.limits.total / BODIES;
    this.hider = new Hider(this.tools.pseudonym);
    return this.hider;
  }

  /** The fields of all records, from `timestamp` to `redacted`, and the comma behind them. */
  beginning(of: Beginning, context: AuditContext | undefined): string {
    const { findings } = this.hider;
    const redacted =
      findings.length === 0 ? "" : `"redacted":[${findings.map(({ path }) => quoted(path)).join()}],`;
    return (
      `{"timestamp":"${formatTimestamp(of.at)}","level":"API","name":"audit.request",` +
      `"message":"${of.message}","service_name":${of.service},"user":${of.user},` +
      `"record_id":"${of.recordId}","schema":1,` +
      `"request_id":${identifier(context?.requestId ?? null)},"parent_id":${identifier(of.parentId)},` +
      `"trace_id":${identifier(context?.traceId ?? null)},"span_id":${identifier(context?.spanId ?? null)},` +
      `"outcome":"${of.outcome}","extra":${of.extra},${redacted}`
    );
  }

  /** @param bodies - how many characters of the line are bodies */
  finished(line: string, bodies: number): string | undefined {
    const { echoes } = this.hider;
    if (line.length - bodies > this.tools.limits.total / REST) return undefined;
    // What was hidden stands elsewhere in the record too.
    return echoes && hasEcho(line, echoes) ? undefined : wellFormed(line);
  }

  user(context: AuditContext | undefined): string | undefined {
    const actor = actorOf(context);
    return actor === null ? "null" : (this.flat(actor) ?? this.checked(userOf(actor), 0));
  }

  /** Of an actor that needs no copy: its id comes first, and nothing in it is to be hidden. */
  private flat(actor: Actor): string | undefined {
    const { keys } = this.tools.rules;
    if (isEmpty(actor)) return undefined;
    return flatJson(
      actor,
      (key, value, index) =>
        (index > 0 || key === "id") && keys.actionOf(key) === "keep" && this.isClean(value, 1),
    );
  }

  /** As `formFields` reads it, where no name comes twice. */
  query(query: string): string | undefined {
    if (query === "") return "{}";
    const pairs = PLAIN_FORM.test(query) ? query.split("&") : [];
    if (pairs.length !== 1) return this.checked(formFields(query), 1);
    const equals = query.indexOf("=");
    const name = equals === -1 ? query : query.slice(0, equals);
    const value = equals === -1 ? "" : query.slice(equals + 1);
    if (this.tools.rules.keys.actionOf(name) !== "keep" || !this.isClean(value, 2)) return undefined;
    return `{${quoted(name)}:${quoted(value)}}`;
  }

  /**
   * @param every - the application's fields for every record
   * @param own - those of this one
   */
  extra(every: object, own: object): string | undefined {
    if (isEmpty(every)) return isEmpty(own) ? "{}" : this.checked(own, 0);
    return this.checked({ ...every, ...own }, 0);
  }

  body(body: CapturedBody | null, contentType: string, contentEncoding: string): string | undefined {
    if (body === null || body.bytes === 0) return "null";
    if (!body.truncated && !body.parts && contentEncoding === "" && isPlainJson(contentType)) {
      const text = this.scanned(joined(body.chunks));
      if (text !== undefined) return text;
    }
    this.left -= body.bytes + VALUE_COST;
    return this.left < 0 ? undefined : this.checked(bodyOf(body, contentType, contentEncoding), 1);
  }

  /** A body that was seen as a text. */
  textBody(body: string, contentType: string): string | undefined {
    const text = mayBeJson(body, contentType) ? this.scanned(Buffer.from(body)) : undefined;
    return text ?? this.plainBody(bodyOfText(body, contentType), body.length);
  }

  /** A body that is a plain copy of what the application gave. */
  plainBody(body: unknown, length = 0): string | undefined {
    this.left -= length + VALUE_COST;
    return this.left < 0 ? undefined : this.checked(body, 1);
  }

  private scanned(bytes: Buffer): string | undefined {
    const text = this.scan.read(bytes, this.left);
    if (text !== undefined) this.left = this.scan.left;
    return text;
  }

  /** A value as JSON, if there is nothing in it to hide. */
  private checked(value: unknown, depth: number): string | undefined {
    return this.isClean(value, depth) ? JSON.stringify(value) : undefined;
  }

  /** @param depth - of the record's own fields: 0 */
  isClean(value: unknown, depth: number): boolean {
    return this.tools.check.part(value, depth);
  }
}

/** A text that is nearly always the one before. */
export class LastText {
  private text: string | null = null;
  private last = "null";

  json(text: string | null): string {
    if (text !== this.text) {
      this.last = identifier(text);
      this.text = text;
    }
    return this.last;
  }
}

/** One of our own identifiers; longer ones are none. */
function identifier(text: string | null): string {
  if (text !== null && text.length > MAX_IDENTIFIER) throw new RangeError("too long");
  return quotedOrNull(text);
}
