/**
 * One pass of a request through an axios instance: where it joins its call, and what is seen of it on its way.
 *
 * @module
 */
import type { AxiosError, AxiosResponse, InternalAxiosRequestConfig } from "axios";
import { currentFrame } from "../../context/context.js";
import { fault, guarded } from "../../health.js";
import type { CallOptions } from "../call.js";
import { stand, type AdapterStand } from "./adapter.js";
import { LogicalCall, type AxiosTarget, type Pass } from "./logical-call.js";

/** As axios hands an interceptor to the function that collects them. */
export interface Entry {
  readonly fulfilled: ((value: any) => unknown) | null | undefined;
  readonly rejected: ((error: any) => unknown) | null | undefined;
  /** Without it, axios would make a call asynchronous that is not. */
  readonly synchronous: boolean;
  readonly runWhen: ((config: InternalAxiosRequestConfig) => boolean) | null;
}

type Collect = (entry: Entry) => void;
type Handler = (this: unknown, value: unknown) => unknown;

export class Attempt {
  readonly #target: AxiosTarget;
  readonly #detail: CallOptions["detail"];
  #call: LogicalCall | undefined;
  #pass: Pass | undefined;
  /** True for the pass that the application called for; the others are retries within it. */
  #first = true;
  #entered = 0;
  #stand: AdapterStand | undefined;

  constructor(target: AxiosTarget, detail: CallOptions["detail"]) {
    this.#target = target;
    this.#detail = detail;
  }

  /**
   * The innermost request interceptor is the one that axios runs last. That is the first of the list with its old
   * ordering, the last with its new one, and which it takes depends on its version too: so one stands at either end,
   * and the second that runs is it.
   */
  collectRequest(collect: Collect, all: (to: Collect) => void): void {
    const users: Entry[] = [];
    all((entry) => users.push(entry));
    collect(this.#onRequest(users.length === 0 ? 1 : 2));
    for (const entry of users) collect(this.#inside(entry));
    if (users.length > 0) collect(this.#onRequest(2));
  }

  collectResponse(collect: Collect, all: (to: Collect) => void): void {
    const users: Entry[] = [];
    all((entry) => users.push(entry));
    // Without interceptors between them, the innermost and the outermost are one: each costs a promise.
    const both = users.length === 0;
    collect(
      this.#passing((response, error, rejected) => {
        this.#answered(response, error);
        if (both) this.#settled(error, rejected);
      }),
    );
    if (both) return;
    for (const entry of users) collect(this.#inside(entry));
    if (this.#first) collect(this.#passing((_, error, rejected) => this.#settled(error, rejected)));
  }

  #settled(error: unknown, rejected: boolean): void {
    if (this.#first) this.#call?.settled(error, rejected);
  }

  #onRequest(innermost: number): Entry {
    return {
      fulfilled: (config: InternalAxiosRequestConfig) => {
        this.#entered += 1;
        if (this.#entered === innermost) guarded("capture.axios", () => this.#going(config));
        return config;
      },
      rejected: null,
      synchronous: true,
      // Asked first of all, and the first that is told the request.
      runWhen: (config) => {
        if (!this.#call) guarded("capture.axios", () => this.#begin(config));
        return true;
      },
    };
  }

  #begin(config: InternalAxiosRequestConfig): void {
    const around = currentFrame()?.call;
    const joins = around instanceof LogicalCall && around.takes(this.#target, config);
    this.#first = !joins;
    this.#call = joins ? around : new LogicalCall(this.#target, this.#detail);
    this.#pass = this.#call.enter(config);
  }

  /** An interceptor of the application's, run as a part of the call. */
  #inside(entry: Entry): Entry {
    const currentCall = (): LogicalCall | undefined => this.#call;
    const inside = (handler: Entry["fulfilled"]): Entry["fulfilled"] => {
      if (typeof handler !== "function") return handler;
      return function (this: unknown, value: unknown): unknown {
        const call = currentCall();
        if (!call) return Reflect.apply(handler, this, [value]);
        return call.inside(handler as Handler, this, value);
      };
    };
    return Object.create(entry, {
      fulfilled: { value: inside(entry.fulfilled) },
      rejected: { value: inside(entry.rejected) },
    }) as Entry;
  }

  #passing(seen: (response: AxiosResponse | undefined, error: unknown, rejected: boolean) => void): Entry {
    return {
      fulfilled: (value: AxiosResponse) => {
        try {
          seen(value, null, false);
        } catch (problem) {
          fault("capture.axios", problem);
        }
        return value;
      },
      rejected: (error: Partial<AxiosError> | undefined) => {
        guarded("capture.axios", () => seen(error?.response, error, true));
        return Promise.reject(error);
      },
      synchronous: true,
      runWhen: null,
    };
  }

  #going(config: InternalAxiosRequestConfig): void {
    const [call, pass] = [this.#call, this.#pass];
    if (!call || !pass) return;
    call.going(pass, config);
    this.#stand = stand(config, this.#target.findAdapter, (adapter, sent) =>
      call.transport(pass, adapter, sent),
    );
    // What an older axios throws before the adapter, without asynchronous interceptors, no response interceptor sees.
    const aborted = config.signal?.aborted || Boolean(config.cancelToken?.reason);
    const transformed = typeof config.data === "object" && config.data !== null;
    const own = first(config.transformRequest) !== first(this.#target.instance.defaults.transformRequest);
    if (!aborted && !(this.#stand && (transformed || own))) return;
    setImmediate(() => {
      if (call.neverSent(pass, aborted)) this.#stand?.leave();
    });
  }

  #answered(response: AxiosResponse | undefined, error: unknown): void {
    this.#stand?.leave(response?.config, (error as Partial<AxiosError> | null)?.config);
    if (this.#call && this.#pass) this.#call.answered(this.#pass, response, error);
  }
}

/** axios copies the list for each request. */
function first(list: unknown): unknown {
  return Array.isArray(list) && list.length === 1 ? (list[0] as unknown) : list;
}
