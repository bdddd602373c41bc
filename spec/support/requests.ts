/**
 * Collects the events of a request capture, and waits for them.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { CapturedBody, RequestEvent } from "#dist/capture/event";
import type { RequestOptions } from "#dist/capture/http/options";
import { faultSummaries } from "#dist/health";
import { headersFrom } from "#dist/record/http";
import { RequestCapture } from "#dist/capture/http/requests";
import { until } from "./until.js";

export interface Collected {
  readonly capture: RequestCapture;
  readonly events: RequestEvent[];
  /** The events, once there are `count` of them; it waits a little longer, to see one too many. */
  wait(count: number): Promise<RequestEvent[]>;
}

export function collect(options: RequestOptions = {}, actor: (request: any) => any = () => null): Collected {
  const events: RequestEvent[] = [];
  const capture = new RequestCapture((event) => events.push(event as RequestEvent), options, actor);
  return {
    capture,
    events,
    async wait(count) {
      // Where they do not come, what came is told below.
      await until(() => events.length >= count).catch(() => {});
      await sleep(20);
      if (events.length !== count) {
        const urls = events.map(({ method, url, outcome }) => `${method} ${url} ${outcome}`).join(", ");
        const faults = faultSummaries().map(({ kind, last_message: message }) => `${kind}: ${message}`);
        throw new Error(`${events.length} events instead of ${count}: ${urls} ${faults.join(", ")}`);
      }
      return events;
    },
  };
}

/** The headers of an answer, in whichever form they were captured. */
export function answeredHeaders(event: RequestEvent | undefined): Readonly<Record<string, unknown>> {
  return headersFrom(event?.responseHeaders ?? {});
}

/** A captured body as text. */
export function textOf(body: CapturedBody | null): string | null {
  return body && Buffer.concat(body.chunks).toString("utf8");
}
