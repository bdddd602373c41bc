/**
 * A client that is recorded and connected, made anew for each spec.
 */
import { afterEach, beforeEach } from "node:test";
import SftpLibrary from "ssh2-sftp-client";
import type { SftpCallEvent } from "#dist/capture/event";
import { captureSftp } from "#dist/capture/sftp/sftp";
import { collectCalls, type CollectedCalls } from "../../support/events.js";
import type { Bench } from "./servers.js";

/** Without the library's own messages on the console. */
export const quietClient = (): SftpLibrary => new SftpLibrary("spec", {});

export interface Recorded {
  client: SftpLibrary;
  /** What was told since the connection stood. */
  told(): SftpCallEvent[];
  undo(): void;
}

export function recordedClient(bench: Bench, options: { silentMs?: number } = {}): Recorded {
  const recorded = {} as Recorded;
  let calls: CollectedCalls<SftpCallEvent>;
  beforeEach(async () => {
    calls = collectCalls();
    recorded.client = quietClient();
    recorded.undo = captureSftp(recorded.client, calls.emit, {
      ...calls.options,
      silentMs: 60_000,
      ...options,
    });
    recorded.told = () => calls.events.slice(1);
    await recorded.client.connect(bench.server.login);
  });
  afterEach(async () => {
    recorded.undo();
    await recorded.client.end();
  });
  return recorded;
}

const ofTheRun = new Set(["kind", "context", "at", "durationMs", "recordId", "handler", "extra"]);

/** An event without what differs from one run to the next. */
export function facts(event: SftpCallEvent): Record<string, unknown> {
  return Object.fromEntries(Object.entries(event).filter(([name]) => !ofTheRun.has(name)));
}

/** What is common to the events of operations that succeeded and moved nothing. */
export function expected(bench: Bench, event: Partial<SftpCallEvent>) {
  const { details, ...rest } = event;
  return {
    service: "apollo",
    protocol: "sftp",
    host: "127.0.0.1",
    remotePath: null,
    filename: null,
    message: null,
    bytes: null,
    sha256: null,
    errorCode: null,
    outcome: "success",
    error: null,
    ...rest,
    details: { host_key: bench.server.hostKey, ...details },
  };
}

/** What an operation was rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: unknown }> {
  try {
    await promise;
  } catch (error) {
    return error as Error;
  }
  throw new Error("it did not reject");
}
