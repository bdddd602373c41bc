/**
 * The capture of requests that runs now, for adapters: an application builds its server before, or without,
 * `audit.start()`, and its requests then pass untouched.
 *
 * @module
 */
import type { Undo } from "../capture.js";
import type { RequestCapture } from "./requests.js";

/** Gives the running capture; `undefined` while audit is not started. */
export type Requests = () => RequestCapture | undefined;

let running: RequestCapture | undefined;

export const runningRequests: Requests = () => running;

/** Makes `capture` the one that adapters hand requests to, until undone. */
export function runRequests(capture: RequestCapture): Undo {
  running = capture;
  return () => {
    capture.stop();
    if (running === capture) running = undefined;
  };
}
