/**
 * Observes calls of the methods of an `@ExternalService` class that has no client of ours.
 *
 * In: a call. Out: one `MethodCallEvent`. The caller gets the same value, promise, generator or exception as without
 * us; arguments are copied before the call, which may change them.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { types } from "node:util";
import { currentContext, type AuditContext } from "../context/context.js";
import { runAsCause } from "../context/run.js";
import { fault } from "../health.js";
import { detailNow, type CallOptions } from "./call.js";
import type { Emit } from "./capture.js";
import type { MethodCallEvent } from "./event.js";
import { isPlainPromise, watched } from "./settled.js";

/** What is to be said of a call besides what is seen of it. */
export interface MethodIdentity {
  readonly service: string;
  readonly className: string;
  readonly method: string;
  /** `"metadata"`: without arguments and results. */
  readonly detail: CallOptions["detail"];
}

/** Where copies, ids and the clock come from. */
export interface MethodTools {
  /** A plain, bounded copy; never throws. */
  readonly snapshot: (value: unknown) => unknown;
  readonly newRecordId: () => string;
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** The call that the running code is the inside of, or was begun by. */
const running = new AsyncLocalStorage<ObservedCall>();

/**
 * Makes what stands round each call of one method.
 *
 * A call of the same method on the same object inside a call (`super.send()`, the wrapper of a decorated base class) is
 * the same call, and is not told again.
 */
export function observeMethod(identity: MethodIdentity, emit: Emit, tools: MethodTools) {
  return (method: AnyFunction, self: unknown, args: unknown[]): unknown => {
    const same = running.getStore()?.isCallOf(self, identity.method) === true;
    const detail = detailNow(identity.detail);
    if (detail === false || same) return Reflect.apply(method, self, args);
    const call = new ObservedCall({ ...identity, detail }, self, emit, tools, args);
    return call.run(method, args);
  };
}

type Ending = "success" | "failure" | "unknown";

class ObservedCall {
  readonly #identity: MethodIdentity;
  readonly #self: unknown;
  readonly #emit: Emit;
  readonly #tools: MethodTools;
  readonly #outer: AuditContext | undefined = currentContext();
  readonly #arguments: readonly unknown[];
  readonly #recordId: string;
  readonly #start = performance.now();
  #told = false;

  constructor(
    identity: MethodIdentity,
    self: unknown,
    emit: Emit,
    tools: MethodTools,
    args: readonly unknown[],
  ) {
    this.#identity = identity;
    this.#self = self;
    this.#emit = emit;
    this.#tools = tools;
    this.#arguments = identity.detail === "full" ? args.map((arg) => described(arg, tools)) : [];
    this.#recordId = tools.newRecordId();
  }

  /** What it has left behind (a timer that calls again) runs inside of it for good, and is a call of its own. */
  isCallOf(self: unknown, method: string): boolean {
    return !this.#told && this.#self === self && this.#identity.method === method;
  }

  run(method: AnyFunction, args: unknown[]): unknown {
    const inside = <T>(work: () => T): T => runAsCause(this.#recordId, () => running.run(this, work));
    let result: unknown;
    try {
      result = inside(() => Reflect.apply(method, this.#self, args));
    } catch (error) {
      this.#end("failure", undefined, error);
      throw error;
    }
    if (types.isPromise(result)) return this.#awaited(result, types.isAsyncFunction(method));
    if (types.isGeneratorFunction(method)) this.#follow(result as Steppable, inside);
    else this.#end("success", result, null);
    return result;
  }

  /** @param fresh - made by an async function for this call, so that nobody can know it by identity */
  #awaited(promise: Promise<unknown>, fresh: boolean): Promise<unknown> {
    const fulfilled = (value: unknown) => this.#end("success", value, null);
    const rejected = (error: unknown) => this.#end("failure", undefined, error);
    if (!isPlainPromise(promise)) {
      this.#end("unknown", undefined, null);
      return promise;
    }
    if (fresh) return watched(promise, fulfilled, rejected);
    // It may be one that the class keeps: the very promise is handed on. What is given up is that a rejection which
    // nobody takes is reported as unhandled.
    promise.then(fulfilled, rejected);
    return promise;
  }

  /** A generator works while it is being read, so the call ends when the reading does. */
  #follow(generator: Steppable, inside: <T>(work: () => T) => T): void {
    for (const name of ["next", "return", "throw"] as const) {
      const step = generator[name] as AnyFunction;
      const followed = (...args: unknown[]): unknown => {
        try {
          const result = inside(() => Reflect.apply(step, generator, args));
          if (!isPlainPromise(result)) return this.#stepped(result as IteratorResult<unknown>);
          return watched(
            result as Promise<IteratorResult<unknown>>,
            (value) => this.#stepped(value),
            (error) => this.#end("failure", undefined, error),
          );
        } catch (error) {
          this.#end("failure", undefined, error);
          throw error;
        }
      };
      Object.defineProperty(generator, name, { value: followed, configurable: true, writable: true });
    }
  }

  #stepped(step: IteratorResult<unknown>): IteratorResult<unknown> {
    if (step.done) this.#end("success", step.value, null);
    return step;
  }

  #end(outcome: Ending, result: unknown, error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    try {
      this.#emit(this.#event(outcome, result, error));
    } catch (problem) {
      fault("capture.method", problem);
    }
  }

  #event(outcome: Ending, result: unknown, error: unknown): MethodCallEvent {
    const { service, className, method, detail } = this.#identity;
    return {
      kind: "call",
      protocol: "method",
      context: this.#outer,
      at: Date.now(),
      service,
      recordId: this.#recordId,
      outcome,
      error,
      durationMs: performance.now() - this.#start,
      handler: `${className}.${method}`,
      extra: {},
      className,
      method,
      arguments: this.#arguments,
      result: detail === "full" ? described(result, this.#tools) : null,
    };
  }
}

function described(value: unknown, { snapshot }: MethodTools): unknown {
  return typeof value === "function" ? { $function: value.name } : snapshot(value);
}

type Steppable = Pick<Generator, "next" | "return" | "throw">;
