import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { currentContext } from "#dist/context/context";
import { runAs } from "#dist/context/run";

const INCOMING = "a".repeat(32);
const traceparent = `00-${INCOMING}-${"b".repeat(16)}-00`;
const span = trace.wrapSpanContext({
  traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
  spanId: "00f067aa0ba902b7",
  traceFlags: 1,
});

/** The trace of a unit of work that a message with a traceparent starts. */
function traced(): unknown[] {
  return runAs({ traceparent }, () => {
    const { traceId, spanId, trace: state } = currentContext()!;
    return [traceId, spanId, state?.flags];
  });
}

describe("with OpenTelemetry", () => {
  after(() => context.disable());

  it("an active span is the trace, and comes before a traceparent; without one the traceparent is", () => {
    assert.equal(traced()[0], INCOMING);
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    assert.deepEqual(context.with(trace.setSpan(context.active(), span), traced), [
      "4bf92f3577b34da6a3ce929d0e0e4736",
      "00f067aa0ba902b7",
      "01",
    ]);
    assert.equal(traced()[0], INCOMING);
  });
});
