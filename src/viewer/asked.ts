/**
 * Reads what a page asks for out of its query string.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { moment, type RecordFilter } from "../read/filter.js";
import { VALUE_FIELDS } from "./fields.js";
import type { Cursor } from "./questions.js";

const USUAL_PAGE = 200;

/** The address that is asked for. A client can send any text as one: `//` and `*` would make `URL` throw. */
export function addressOf({ url = "/" }: IncomingMessage): URL {
  const whole = url.startsWith("/") ? `http://viewer${url}` : url;
  return new URL(URL.canParse(whole) ? whole : "http://viewer//");
}

/** The same words as on the command line; each may stand several times. */
export function filterOf(query: URLSearchParams, now: number): RecordFilter {
  const lists = VALUE_FIELDS.flatMap((field) => {
    const values = query.getAll(field).filter((value) => value !== "");
    return values.length > 0 ? [[field, values]] : [];
  });
  const times = (["since", "until"] as const).flatMap((field) => {
    const value = query.get(field);
    return value ? [[field, moment(field, value, now)]] : [];
  });
  const text = query.get("text");
  return Object.fromEntries([...lists, ...times, ...(text ? [["text", text]] : [])]) as RecordFilter;
}

export function cursorOf(query: URLSearchParams): Cursor | undefined {
  const timestamp = query.get("before");
  return timestamp === null ? undefined : { timestamp, recordId: query.get("before_id") ?? "" };
}

export function limitOf(query: URLSearchParams): number {
  const limit = Number(query.get("limit"));
  return Number.isInteger(limit) && limit > 0 ? limit : USUAL_PAGE;
}
