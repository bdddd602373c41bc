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
  /** `null`: there is no such adapter; `undefined`: it is not known, or not yet. */
  #stand: AdapterStand | null | undefined;
  /** An interceptor of the application's is asynchronous: then axios makes the whole call a promise, which tells all. */
  #inSteps = false;

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
    try {
      collect(this.#onRequest(users.length === 0 ? 1 : 2));
      for (const entry of users) {
        if (!entry.synchronous) this.#inSteps = true;
        collect(this.#inside(entry));
      }
      if (users.length > 0) collect(this.#onRequest(2));
    } catch (error) {
      // A `runWhen` of the application's: axios asks for no interceptor more.
      guarded("capture.axios", () => this.#settled(error, true));
      throw error;
    }
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
    const { fulfilled, rejected } = entry;
    const mayThrow = entry.synchronous && typeof rejected !== "function";
    return Object.create(entry, {
      fulfilled: { value: this.#part(mayThrow ? this.#noting(fulfilled) : fulfilled) },
      rejected: { value: this.#part(rejected) },
    }) as Entry;
  }

  #part(handler: Entry["fulfilled"]): Entry["fulfilled"] {
    if (typeof handler !== "function") return handler;
    const currentCall = (): LogicalCall | undefined => this.#call;
    return function (this: unknown, value: unknown): unknown {
      const call = currentCall();
      if (!call) return Reflect.apply(handler, this, [value]);
      return call.inside(handler as Handler, this, value);
    };
  }

  #noting(handler: Entry["fulfilled"]): Entry["fulfilled"] {
    if (typeof handler !== "function") return handler;
    const notSent = (error: unknown): void => this.#notSent(error);
    return function (this: unknown, value: unknown): unknown {
      try {
        return Reflect.apply(handler, this, [value]);
      } catch (error) {
        notSent(error);
        throw error;
      }
    };
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
    // An interceptor that forgot to give the request back: axios will trip over it.
    if (typeof config !== "object" || config === null) return this.#notSent(null);
    call.going(pass, config);
    this.#stand = stand(config, this.#target.findAdapter, (adapter, sent) => {
      try {
        return call.transport(pass, adapter, sent);
      } catch (error) {
        this.#notSent(error);
        throw error;
      }
    });
    if (config.signal?.aborted || config.cancelToken?.reason) this.#notSent(canceled());
    else if (this.#stand === null) this.#notSent(null);
    else if (this.#stand && mayRefuse(config)) this.#mayNotBeSent(pass);
  }

  #mayNotBeSent(pass: Pass): void {
    if (this.#inSteps) return;
    setImmediate(() => {
      if (!pass.carrier) this.#giveUp(pass, null);
    });
  }

  /**
   * Without asynchronous interceptors a request is sent in the turn in which it was asked for, or never, and of what kept
   * it from that an older axios tells no response interceptor.
   */
  #notSent(error: unknown): void {
    const pass = this.#pass;
    if (pass && !this.#inSteps) setImmediate(() => this.#giveUp(pass, error));
  }

  #giveUp(pass: Pass, error: unknown): void {
    if (pass.end !== null) return;
    guarded("capture.axios", () => {
      this.#stand?.leave();
      this.#settled(error ?? new Error("axios gave the request up before it was sent"), true);
    });
  }

  /** Never throws: the call is to end all the same. */
  #answered(response: AxiosResponse | undefined, error: unknown): void {
    try {
      this.#stand?.leave(response?.config, (error as Partial<AxiosError> | null)?.config);
      if (this.#call && this.#pass) this.#call.answered(this.#pass, response, error);
    } catch (problem) {
      fault("capture.axios", problem);
    }
  }
}

/** An object may have no form as a text, and what the application has put in the place of axios's own may do anything. */
function mayRefuse({ data, transformRequest }: InternalAxiosRequestConfig): boolean {
  if (typeof data === "object" && data !== null) return true;
  const own =
    Array.isArray(transformRequest) && transformRequest.length === 1 ? transformRequest[0] : undefined;
  return own?.name !== "transformRequest";
}

function canceled(): Error {
  return Object.assign(new Error("canceled"), { code: "ERR_CANCELED" });
}
