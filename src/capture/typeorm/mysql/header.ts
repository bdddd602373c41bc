/**
 * The OK packet that a statement would have got without RETURNING.
 *
 * @module
 */
import { exactInteger } from "../exact.js";
import type { Raw } from "./image.js";
import type { Answer, Header } from "./wire.js";

export interface Counts {
  readonly affectedRows: number;
  readonly insertId: number | string;
  readonly info: string;
}

/** Gives `answer` that header in the place of its rows. */
export function withHeader(answer: Answer, like: Header, counts: Counts): Answer {
  const header: Header = Object.assign(Object.create(Object.getPrototypeOf(like) as object) as Header, {
    fieldCount: 0,
    affectedRows: counts.affectedRows,
    insertId: counts.insertId,
    info: counts.info,
    serverStatus: answer.status ?? like.serverStatus,
    warningStatus: answer.warnings,
    changedRows: 0,
  });
  return { ...answer, rows: header, fields: undefined, headers: [header] };
}

/** For one row the server says this only if its values gave warnings; that it was ignored is no such warning. */
export function infoOf(records: number, duplicates: number, warnings: number, always: boolean): string {
  if (records === 1 && (warnings === 0 || duplicates === 1) && !always) return "";
  return `Records: ${records}  Duplicates: ${duplicates}  Warnings: ${warnings}`;
}

export const idOf = (value: Raw | undefined): number | string =>
  value ? exactInteger(value.toString("utf8")) : 0;
