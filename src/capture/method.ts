/**
 * Observes calls of the methods of an `@ExternalService` class that has no client of ours.
 *
 * In: a call. Out: one `MethodCallEvent`. The caller gets the same value, promise, generator or exception as without
 * us; arguments are copied before the call, which may change them.
 *
 * @module
 */
import { currentContext, type AuditContext } from "../context/context.js";
import { runAsCause } from "../context/run.js";
import { fault } from "../health.js";
import type { Emit } from "./capture.js";
import type { MethodCallEvent } from "./event.js";

/** What is to be said of a call besides what is seen of it. */
export interface MethodIdentity {
  readonly service: string;
  readonly className: string;
  readonly method: string;
  /** Whether arguments and results are told. */
  readonly values: boolean;
}

/** Where copies, ids and the clock come from. */
export interface MethodTools {
  /** A plain, bounded copy; never throws. */
  readonly snapshot: (value: unknown) => unknown;
  readonly newRecordId: () => string;
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** Makes what stands round each call of one method. */
export function observeMethod(identity: MethodIdentity, emit: Emit, tools: MethodTools) {
  return (method: AnyFunction, self: unknown, args: unknown[]): unknown => {
    const outer = currentContext();
    if (outer?.muted) return Reflect.apply(method, self, args);
    const call = new ObservedCall(identity, emit, tools, outer, args);
    return call.run(() => Reflect.apply(method, self, args));
  };
}

class ObservedCall {
  readonly #identity: MethodIdentity;
  readonly #emit: Emit;
  readonly #tools: MethodTools;
  readonly #outer: AuditContext | undefined;
  readonly #arguments: readonly unknown[];
  readonly #recordId: string;
  readonly #start = performance.now();
  #told = false;

  constructor(
    identity: MethodIdentity,
    emit: Emit,
    tools: MethodTools,
    outer: AuditContext | undefined,
    args: readonly unknown[],
  ) {
    this.#identity = identity;
    this.#emit = emit;
    this.#tools = tools;
    this.#outer = outer;
    this.#arguments = identity.values ? args.map((arg) => described(arg, tools)) : [];
    this.#recordId = tools.newRecordId();
  }

  run(call: () => unknown): unknown {
    let result: unknown;
    try {
      result = runAsCause(this.#recordId, call);
    } catch (error) {
      this.#end("failure", undefined, error);
      throw error;
    }
    // Only a real promise is waited for: `then` of a lazy query builder would run the query.
    if (result instanceof Promise) {
      result.then(
        (value) => this.#end("success", value, null),
        (error) => this.#end("failure", undefined, error),
      );
      return result;
    }
    if (isGenerator(result)) return this.#followed(result);
    this.#end("success", result, null);
    return result;
  }

  /** A generator works while it is being read, so the call ends when the reading does. */
  #followed(generator: Steppable): Steppable {
    const inside = (step: () => unknown): unknown => {
      try {
        const result = runAsCause(this.#recordId, step);
        if (!(result instanceof Promise)) return this.#stepped(result as IteratorResult<unknown>);
        result.then(
          (value) => this.#stepped(value as IteratorResult<unknown>),
          (error) => this.#end("failure", undefined, error),
        );
        return result;
      } catch (error) {
        this.#end("failure", undefined, error);
        throw error;
      }
    };
    const followed: Steppable = new Proxy(generator, {
      get: (target, key) => {
        // A loop asks the generator for its iterator, which is itself.
        if (key === Symbol.iterator || key === Symbol.asyncIterator) return () => followed;
        const value: unknown = Reflect.get(target, key, target);
        if (typeof value !== "function") return value;
        if (key !== "next" && key !== "return" && key !== "throw") return value.bind(target) as unknown;
        return (...args: unknown[]) => inside(() => Reflect.apply(value, target, args));
      },
    });
    return followed;
  }

  #stepped(step: IteratorResult<unknown>): IteratorResult<unknown> {
    if (step?.done) this.#end("success", step.value, null);
    return step;
  }

  #end(outcome: "success" | "failure", result: unknown, error: unknown): void {
    if (this.#told) return;
    this.#told = true;
    try {
      this.#emit(this.#event(outcome, result, error));
    } catch (problem) {
      fault("capture.method", problem);
    }
  }

  #event(outcome: "success" | "failure", result: unknown, error: unknown): MethodCallEvent {
    const { service, className, method, values } = this.#identity;
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
      result: values ? described(result, this.#tools) : null,
    };
  }
}

function described(value: unknown, { snapshot }: MethodTools): unknown {
  return typeof value === "function" ? { $function: value.name } : snapshot(value);
}

type Steppable = Pick<Generator, "next" | "return" | "throw">;

const GeneratorPrototypes = [
  Object.getPrototypeOf(Object.getPrototypeOf((function* () {})())) as object,
  Object.getPrototypeOf(Object.getPrototypeOf((async function* () {})())) as object,
];

function isGenerator(value: unknown): value is Steppable {
  return (
    typeof value === "object" && value !== null && GeneratorPrototypes.some((one) => one.isPrototypeOf(value))
  );
}
