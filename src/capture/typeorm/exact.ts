/**
 * Values that lose nothing on their way into JSON.
 *
 * @module
 */

/* A number of 16 digits or more may be beyond what a double holds; shorter ones never are. */
const longNumber = /\d{16}|\d\.\d{15}|\d[eE][+-]?\d{3}/;
const mark = /["{}[\]]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** Parses JSON. A number that a double would change is given as text, with all its digits. */
export function parseExact(text: string): unknown {
  if (!longNumber.test(text)) return JSON.parse(text);
  return JSON.parse(replaceNumbers(text, exactNumber));
}

/**
 * JSON with each number as `change` gives it. No pattern has a whole string in it: a choice for each character gives up its
 * stack on a string of megabytes.
 *
 * @param passed - told of each string and each bracket on the way
 */
export function replaceNumbers(
  text: string,
  change: (digits: string) => string,
  passed?: (first: string, start: number, end: number) => void,
): string {
  let out = "";
  let done = 0;
  mark.lastIndex = 0;
  for (let found = mark.exec(text); found; found = mark.exec(text)) {
    const [part] = found;
    const { index } = found;
    if (part === '"') {
      const end = endOfString(text, index);
      passed?.(part, index, end);
      mark.lastIndex = end;
    } else if (/^[{}[\]]/.test(part)) {
      passed?.(part, index, index + 1);
    } else {
      out += text.slice(done, index) + change(part);
      done = index + part.length;
    }
  }
  return out + text.slice(done);
}

/** Behind the quote that ends the string which begins here. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at;
    while (text[before - 1] === "\\") before -= 1;
    if ((at - before) % 2 === 0) return at + 1;
  }
  return text.length;
}

function exactNumber(digits: string): string {
  return isExact(digits) ? digits : `"${digits}"`;
}

/** Whether a double gives back these digits. */
function isExact(digits: string): boolean {
  const value = Number(digits);
  if (Number.isInteger(value)) return Number.isSafeInteger(value);
  return Number.isFinite(value) && JSON.stringify(value) === digits;
}

/** An integer given as digits: a number where a double holds it, else the text. */
export function exactInteger(digits: string): number | string {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : digits;
}

const moment =
  /^(?<date>\d{4,}-\d\d-\d\d)[ T](?<time>\d\d:\d\d(?::\d\d)?)(?<fraction>\.\d+)?(?<zone>Z|[+-]\d\d(?::?\d\d)?)?$/;

/* As `row_to_json` writes it where the session's time zone is UTC: the usual one, and all but a `Z`. */
const universal = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?\+00:00$/;

/**
 * A moment as ISO 8601, with all the digits of its fraction. With a zone it is given in UTC; without one it
 * stays without, unless `zoneless` says that the database means UTC. What is no moment comes back as it is.
 */
export function isoMoment(text: string, zoneless: "utc" | "keep" = "keep"): string {
  if (universal.test(text)) return `${text.slice(0, -6)}Z`;
  const parts = moment.exec(text)?.groups;
  if (!parts) return text;
  const { date, time, fraction = "", zone } = parts;
  const clock = time!.length === 5 ? `${time}:00` : time!;
  if (zone === undefined) return `${date}T${clock}${fraction}${zoneless === "utc" ? "Z" : ""}`;
  if (/^(?:Z|[+-]00(?::?00)?)$/.test(zone)) return `${date}T${clock}${fraction}Z`;
  const digits = zone.slice(1).replace(":", "").padEnd(4, "0");
  const at = Date.parse(`${date}T${clock}${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`);
  return Number.isNaN(at) ? text : `${new Date(at).toISOString().slice(0, -5)}${fraction}Z`;
}
