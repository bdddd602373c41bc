/**
 * Which call that goes out the running code is a part of, so that no call is told twice and a retry finds its call.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";

/** Code that runs for a call: its interceptors, or what carries it. */
export interface Frame {
  readonly call: object;
  /** True while that which runs is what carries the call: requests that it makes are the call itself. */
  carries: boolean;
}

const frames = new AsyncLocalStorage<Frame>();

export function callAround(): object | undefined {
  return frames.getStore()?.call;
}

/** Whether a request made here is that of a call which is told already. */
export function isCarried(): boolean {
  return frames.getStore()?.carries === true;
}

/** Runs `method` as a part of a call. */
export function runInFrame<T>(
  frame: Frame,
  method: (...args: any[]) => T,
  self: unknown,
  args: unknown[],
): T {
  return frames.run(frame, Reflect.apply, method, self, args) as T;
}
