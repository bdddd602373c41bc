/**
 * Starts the capture of calls that no client of ours makes, and collects whole records.
 */
import assert from "node:assert/strict";
import { afterEach } from "node:test";
import * as v from "valibot";
import { captureOutbound } from "#dist/capture/outbound/outbound";
import { outboundOptionsSchema, type OutboundOptions } from "#dist/capture/outbound/options";
import type { CallOptions } from "#dist/capture/call";
import { collectRecords } from "../../support/calls.js";
import type { WrittenRecord } from "../../support/schema.js";
import { until } from "../../support/until.js";

export interface Listening {
  readonly records: WrittenRecord[];
  stop(): void;
  /** Waits until so many records are there. */
  settled(count: number): Promise<void>;
}

let last: Listening | undefined;
// Here, where no suite is made yet: Node 20 calls a file's hooks for suites that are made later, newer Nodes for all.
afterEach(() => last?.stop());

/** What listens now, for what a spec expects of its records. */
export function heard(): Listening {
  assert.ok(last);
  return last;
}

/** Listens until the spec ends. */
export function listenOutbound(
  options: OutboundOptions = {},
  detail: CallOptions["detail"] = "full",
  collected = collectRecords(detail),
): Listening {
  const { records, emit, options: tools } = collected;
  const detailOf = () => tools.detail;
  const stop = captureOutbound(emit, v.parse(outboundOptionsSchema, options), { ...tools, detailOf });
  last = {
    records,
    stop,
    async settled(count) {
      await until(() => records.length >= count);
    },
  };
  return last;
}
