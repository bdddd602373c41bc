import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { currentContext } from "#dist/context/context";
import { runAs } from "#dist/context/run";
import { parseBaggage, parseTraceParent, propagationHeaders } from "#dist/context/trace";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const RECORD = "01890a5d-ac96-774b-bcce-b302099a8057";

describe("a traceparent", () => {
  it("is read as the specification has it", () => {
    assert.deepEqual(parseTraceParent(`00-${TRACE}-${SPAN}-01`), {
      traceId: TRACE,
      spanId: SPAN,
      flags: "01",
    });
    assert.deepEqual(parseTraceParent(`cc-${TRACE}-${SPAN}-09-more`)?.flags, "09");
  });

  it("counts as none when anything about it is wrong", () => {
    const wrong = [
      undefined,
      "",
      `00-${TRACE}-${SPAN}`,
      `00-${TRACE}-${SPAN}-01-more`,
      `ff-${TRACE}-${SPAN}-01`,
      `00-${TRACE.toUpperCase()}-${SPAN}-01`,
      `00-${"0".repeat(32)}-${SPAN}-01`,
      `00-${TRACE}-${"0".repeat(16)}-01`,
      ` 00-${TRACE}-${SPAN}-01`,
      `00-${TRACE}-${SPAN}-01\n`,
    ];
    for (const header of wrong) assert.equal(parseTraceParent(header), null, JSON.stringify(header));
  });
});

describe("baggage", () => {
  it("is read member by member; a malformed one is passed over", () => {
    assert.deepEqual(
      [...parseBaggage("tenant=north%20wing;ttl=3, =x, bad key=1,half=%E0%A4%A , last = a=b ")],
      [
        ["tenant", "north wing"],
        ["last", "a=b"],
      ],
    );
    assert.equal(parseBaggage("a=1".padEnd(9000, ",b=2")).size, 0);
  });
});

describe("a call that goes out", () => {
  it("continues the trace that came in, and names its own record as the cause", () => {
    const incoming = {
      requestId: "req-9",
      traceparent: `00-${TRACE}-${SPAN}-01`,
      tracestate: "vendor=1",
      baggage: `tenant=north,audit-parent-id=${RECORD}`,
    };
    const headers = runAs(incoming, () =>
      propagationHeaders(currentContext()!, "rec-2", "x-request-id", "00000000000000aa"),
    );
    assert.deepEqual(headers, {
      "x-request-id": "req-9",
      traceparent: `00-${TRACE}-00000000000000aa-01`,
      tracestate: "vendor=1",
      baggage: "audit-parent-id=rec-2,tenant=north",
    });
  });

  it("makes up no trace where none came in", () => {
    const headers = runAs({ requestId: "req-9" }, () => propagationHeaders(currentContext()!, "rec-2", null));
    assert.deepEqual(headers, { baggage: "audit-parent-id=rec-2" });
  });
});
