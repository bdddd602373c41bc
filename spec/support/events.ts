/**
 * Collects what a capture of calls tells.
 */
import type { CallOptions } from "#dist/capture/call";
import type { CallEvent, CaptureEvent } from "#dist/capture/event";
import { snapshot } from "#dist/record/snapshot";

export interface CollectedCalls<Event extends CallEvent> {
  readonly events: Event[];
  readonly emit: (event: CaptureEvent) => void;
  readonly options: CallOptions;
}

export function collectCalls<Event extends CallEvent>(
  detail: CallOptions["detail"] = "full",
): CollectedCalls<Event> {
  const events: Event[] = [];
  let made = 0;
  return {
    events,
    emit: (event) => events.push(event as Event),
    options: {
      service: "apollo",
      detail,
      snapshot,
      newRecordId: () => `record-${(made += 1)}`,
    },
  };
}
