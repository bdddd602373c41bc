/**
 * The active OpenTelemetry span, when the application uses OpenTelemetry; nothing otherwise.
 *
 * An OpenTelemetry SDK registers itself under a global symbol. Only once that is there is the API package
 * required, so that an application without it never loads it.
 *
 * @see https://github.com/open-telemetry/opentelemetry-js/blob/main/api/src/internal/global-utils.ts
 * @module
 */
import { createRequire } from "node:module";
import { guarded } from "../health.js";

type OpenTelemetry = typeof import("@opentelemetry/api");

const REGISTERED = Symbol.for("opentelemetry.js.api.1");
const load = createRequire(__filename);
let api: OpenTelemetry | null | undefined;

/** The active span's ids and flags; `null` without OpenTelemetry, or outside of any span. */
export function activeSpan(): { traceId: string; spanId: string; flags: string } | null {
  if (api === undefined) {
    if (!(REGISTERED in globalThis)) return null;
    api = guarded("context.opentelemetry", () => load("@opentelemetry/api") as OpenTelemetry) ?? null;
  }
  const span = api?.trace.getActiveSpan()?.spanContext();
  if (!span || !api?.isSpanContextValid(span)) return null;
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    flags: (span.traceFlags & 0xff).toString(16).padStart(2, "0"),
  };
}
