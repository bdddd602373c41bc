/**
 * The shipments of this process: one a spool, each with a thread of its own.
 *
 * @module
 */
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { fault, guarded } from "../health.js";
import {
  type DroppedTold,
  NOTHING_SENT,
  type ShipNews,
  type ShipSettings,
  type ShipState,
  type StopShipping,
} from "./protocol.js";
import type { Dropped } from "./room.js";

const THREAD_FILE = join(__dirname, "thread.js");
/** The thread gives up by itself; this is for one that cannot. */
const GRACE_MS = 1000;

/** One spool on its way. */
export interface Shipment {
  /** Sends what is on the disk, for `withinMs` at most; what remains is sent by the next process. */
  stop(withinMs: number): Promise<void>;
}

/** How a shipment is doing, as `audit.health()` shows it. */
export interface ShipmentHealth extends ShipState {
  /** The live file of the spool. */
  readonly spool: string;
}

const states = new Map<string, ShipState>();

/** @param onDropped - called before records are given up that the server will never get, unless `stop` was called */
export function startShipping(settings: ShipSettings, onDropped: (dropped: Dropped) => void): Shipment {
  states.set(settings.spool, NOTHING_SENT);
  const thread = new Worker(THREAD_FILE, { workerData: settings, name: "activity-audit-ship" });
  const ended = new Promise<void>((resolve) => thread.once("exit", () => resolve()));
  let isStopping = false;
  thread.on("message", (news: ShipNews) => {
    if (news.kind === "dropped") {
      if (isStopping) return;
      guarded("ship.spool", () => onDropped(news.dropped));
      return thread.postMessage({ kind: "told" } satisfies DroppedTold, []);
    }
    const { state } = news;
    if (state.last_error !== null) fault("ship.clickhouse", new Error(state.last_error));
    states.set(settings.spool, state);
  });
  thread.on("error", (error) => fault("ship.thread", error));
  // The spool is on the disk: nothing is lost when the process ends without waiting.
  thread.unref();
  return {
    async stop(withinMs) {
      isStopping = true;
      thread.ref();
      thread.postMessage({ kind: "stop", withinMs } satisfies StopShipping, []);
      const timer = setTimeout(() => void thread.terminate(), withinMs + GRACE_MS);
      await ended;
      clearTimeout(timer);
      states.delete(settings.spool);
    },
  };
}

export function shippingHealth(): ShipmentHealth[] {
  return [...states].map(([spool, state]) => ({ spool, ...state }));
}
