/**
 * Event + context → record. Pure: time, ids and names come in; nothing is read, written or remembered.
 *
 * @module
 */
import type { CallEvent, CaptureEvent, RequestEvent, RowEvent } from "../capture/event.js";
import { buildCall } from "./call.js";
import type { Stamp } from "./common.js";
import { buildRequest } from "./request.js";
import { buildRow } from "./row.js";
import type { CrudRecord, ExternalCallRecord, InternalRequestRecord, RequestRecord } from "./types.js";

/**
 * The record of what a capture saw, its fields in the order of the contract.
 *
 * Nothing is redacted here but what the entity's own rules say; `encode` does the rest, last.
 * Values that the event holds are not copied: captures copy what the application may change.
 *
 * @returns `null` for an UPDATE that changed nothing that is recorded
 */
export function buildRecord(event: RowEvent, stamp: Stamp): CrudRecord | null;
export function buildRecord(event: RequestEvent, stamp: Stamp): InternalRequestRecord;
export function buildRecord(event: CallEvent, stamp: Stamp): ExternalCallRecord;
export function buildRecord(event: CaptureEvent, stamp: Stamp): CrudRecord | RequestRecord | null;
export function buildRecord(event: CaptureEvent, stamp: Stamp): CrudRecord | RequestRecord | null {
  switch (event.kind) {
    case "row":
      return buildRow(event, stamp);
    case "request":
      return buildRequest(event, stamp);
    case "call":
      return buildCall(event, stamp);
  }
}
