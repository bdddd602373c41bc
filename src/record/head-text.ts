/**
 * The headers of a message as JSON text, what must be hidden hidden: without an object in between.
 *
 * The names of headers are few and come again with every message, so what is done with each is decided once; of
 * answers, most lines are the same each time, and their text is kept. Half of what a request's record cost was its
 * headers. What is unusual (a name that comes twice, a list, a name that says something of another field) is left
 * to the way that all records can go.
 *
 * @module
 */
import type { SeenHeaders } from "../capture/event.js";
import type { CleanCheck } from "./clean.js";
import type { Hider } from "./hide.js";
import { hides, type KeyAction, type KeyTable } from "./keys.js";
import type { Fields } from "./plain.js";
import { step } from "./text.js";
import { MAX_PUBLIC } from "./walk.js";

/** Different names and lines that are remembered; beyond, all are forgotten. */
const MAX_KNOWN = 512;
const MAX_KNOWN_LENGTH = 256;
const RETURN = 13;
/** Lines that differ with nearly every answer. */
const CHANGING = new Set(["content-length", "etag", "last-modified", "x-request-id", "x-response-time"]);

interface HeaderName {
  /** In lower case. */
  readonly name: string;
  /** With a comma before and a colon behind. */
  readonly json: string;
  readonly path: string;
  readonly action: KeyAction;
  readonly unusual: boolean;
  /** The message in which it stood last. */
  seen: number;
  /** Its last value, unless that is a secret: clients send the same again. */
  value: string | undefined;
  field: string;
}

interface HeaderLine {
  readonly text: string;
  readonly name: HeaderName;
  readonly value: string;
  /** A comma, the name and the value; `undefined` of a line that is not kept. */
  readonly json: string | undefined;
}

/** The headers of one message. */
export interface HeadText {
  json: string;
  contentType: string;
  contentEncoding: string;
}

export class HeadTexts {
  private readonly names = new Map<string, HeaderName>();
  private readonly lines = new Map<string, HeaderLine>();
  /** Of the last list: the names as they were written, and what is known of each. */
  private readonly written: string[] = [];
  private readonly order: HeaderName[] = [];
  /** The lines that stood last at each place of a head. */
  private readonly usual: HeaderLine[] = [];
  private message = 0;
  private head: HeadText = emptyHead();

  constructor(
    private readonly keys: KeyTable,
    private readonly check: CleanCheck,
  ) {}

  /**
   * Of a list of name, value, name, value …
   *
   * @param hider - what is found is put there
   * @param parent - the path of the headers in the record
   * @returns `undefined` for headers that this way is not for
   */
  ofList(list: readonly string[], hider: Hider, parent: string): HeadText | undefined {
    this.begin();
    let json = "";
    for (let index = 0; index + 1 < list.length; index += 2) {
      const value = list[index + 1]!;
      const name = this.nameAt(index, list[index]!);
      const field = this.seen(name, value) ? this.field(name, value, hider, parent) : undefined;
      if (field === undefined) return undefined;
      json += json === "" ? field.slice(1) : field;
    }
    return this.end(json);
  }

  /**
   * Of headers in whatever form a capture has them.
   *
   * @returns `undefined` for headers that this way is not for
   */
  of(headers: SeenHeaders, hider: Hider, parent: string): HeadText | undefined {
    if (typeof headers === "string") return this.ofHead(headers, hider, parent);
    const list = Array.isArray(headers) ? (headers as readonly string[]) : listOf(headers as Fields);
    return list && this.ofList(list, hider, parent);
  }

  /** Of the head of a message, its first line included. */
  ofHead(text: string, hider: Hider, parent: string): HeadText | undefined {
    this.begin();
    let json = "";
    let at = text.indexOf("\r\n") + 2;
    for (let index = 0; at > 1 && text.charCodeAt(at) !== RETURN; index += 1) {
      const line = this.lineAt(index, text, at);
      if (line === undefined) break;
      const field = this.seen(line.name, line.value)
        ? (line.json ?? this.field(line.name, line.value, hider, parent))
        : undefined;
      if (field === undefined) return undefined;
      json += json === "" ? field.slice(1) : field;
      if (line.json === undefined) this.keep(index, line, field);
      at += line.text.length + 2;
    }
    return this.end(json);
  }

  private begin(): void {
    this.message += 1;
    this.head = emptyHead();
    // Not amid a message, or a name's second time would not be seen.
    if (this.names.size < MAX_KNOWN && this.lines.size < MAX_KNOWN) return;
    this.names.clear();
    this.lines.clear();
    this.written.length = 0;
    this.order.length = 0;
    this.usual.length = 0;
  }

  private end(json: string): HeadText {
    this.head.json = `{${json}}`;
    return this.head;
  }

  /** The next message's headers mostly come in the order of the last one's, and to compare is cheaper than to look up. */
  private nameAt(index: number, written: string): HeaderName {
    if (this.written[index] === written) return this.order[index]!;
    const name = this.nameOf(written);
    this.written[index] = written;
    this.order[index] = name;
    return name;
  }

  private lineAt(index: number, head: string, at: number): HeaderLine | undefined {
    const usual = this.usual[index];
    if (usual && head.startsWith(usual.text, at)) {
      if (usual.json === undefined) return valueOf(usual, head, at);
      if (head.charCodeAt(at + usual.text.length) === RETURN) return usual;
    }
    const end = head.indexOf("\r\n", at);
    const colon = head.indexOf(":", at);
    if (colon <= at || colon >= end) return undefined;
    const text = head.slice(at, end);
    const known = this.lines.get(text);
    if (known) return (this.usual[index] = known);
    const name = this.nameOf(head.slice(at, colon));
    return { text, name, value: head.slice(colon + 1, end).trim(), json: undefined };
  }

  /** Of a line whose value is a secret, or another each time, the beginning is kept. */
  private keep(index: number, line: HeaderLine, json: string): void {
    const { text, name } = line;
    if (hides(name.action) || CHANGING.has(name.name) || text.length > MAX_KNOWN_LENGTH) {
      this.usual[index] = { text: text.slice(0, text.indexOf(":") + 1), name, value: "", json: undefined };
    } else {
      const kept = { ...line, json: flat(json) };
      this.lines.set(text, kept);
      this.usual[index] = kept;
    }
  }

  private nameOf(written: string): HeaderName {
    const known = this.names.get(written);
    if (known) return known;
    const name = written.toLowerCase();
    // One that is written in several ways is one name, or its second time would not be seen.
    const made = name === written ? this.newName(name) : this.nameOf(name);
    if (written.length <= MAX_KNOWN_LENGTH) this.names.set(written, made);
    return made;
  }

  private newName(name: string): HeaderName {
    const action = this.keys.actionOf(name);
    const usual = action === "keep" || action === "public" || hides(action);
    const unusual = !usual || name.length > MAX_PUBLIC || name === "__proto__" || name === "set-cookie";
    return {
      name,
      json: `,${JSON.stringify(name)}:`,
      path: step(name),
      action,
      unusual,
      seen: 0,
      value: undefined,
      field: "",
    };
  }

  /** False for the second of a name, and for names that need more than this. */
  private seen(header: HeaderName, value: string): boolean {
    if (header.unusual || header.seen === this.message) return false;
    header.seen = this.message;
    if (header.name === "content-type") this.head.contentType = value;
    else if (header.name === "content-encoding") this.head.contentEncoding = value;
    return true;
  }

  /** A comma, the name and the value. */
  private field(header: HeaderName, value: string, hider: Hider, parent: string): string | undefined {
    const { action } = header;
    if (value === header.value) return header.field;
    if (action === "keep" || action === "public") {
      const clean = (action === "public" && value.length <= MAX_PUBLIC) || this.check.part(value, 1);
      if (!clean) return undefined;
      const field = header.json + quoted(value);
      if (value.length > MAX_KNOWN_LENGTH) return field;
      header.value = value;
      header.field = flat(field);
      return field;
    }
    return header.json + JSON.stringify(hider.value(action, value, parent + header.path));
  }
}

function valueOf(begin: HeaderLine, head: string, at: number): HeaderLine {
  const text = head.slice(at, head.indexOf("\r\n", at));
  return { text, name: begin.name, value: text.slice(begin.text.length).trim(), json: undefined };
}

/** Headers that are an object as a list; `undefined` if one of them is no single text. */
function listOf(headers: Readonly<Fields>): readonly string[] | undefined {
  const list: string[] = [];
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (typeof value !== "string") return undefined;
    list.push(name, value);
  }
  return list;
}

/** V8 keeps a text that was added up as its parts, until a character of it is asked for. */
function flat(text: string): string {
  return text.charCodeAt(0) > 0 ? text : "";
}

function emptyHead(): HeadText {
  return { json: "{}", contentType: "", contentEncoding: "" };
}

/** What JSON writes with a backslash. */
// oxlint-disable-next-line no-control-regex
export const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/;

/** A text as JSON; most need nothing but quotes. */
export function quoted(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

export function quotedOrNull(text: string | null): string {
  return text === null ? "null" : quoted(text);
}
