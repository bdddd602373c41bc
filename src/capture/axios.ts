/**
 * Captures the calls of an axios instance: one event a logical call, with what axios made of it.
 *
 * The seam is `forEach` of the instance's two interceptor managers, which axios calls once for each request, to
 * collect its interceptors. There ours are handed in beside the application's, for this call only: outermost, so that
 * interceptors that the application adds later are inside too, and innermost, where the request is as it goes out and
 * the response as it came in. The application's lists, their order and the ids that `use` gives are untouched, and so is
 * every instance that `create` makes of this one.
 *
 * @see https://github.com/axios/axios/blob/v1.x/lib/core/Axios.js
 *
 * @module
 */
import type { AxiosError, AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from "axios";
import { currentContext } from "../context/context.js";
import { propagationHeaders } from "../context/trace.js";
import { guarded } from "../health.js";
import type { Outcome } from "../record/types.js";
import { Call, outcomeOfStatus, type CallOptions } from "./call.js";
import type { Emit, Undo } from "./capture.js";
import type { HttpCallEvent } from "./event.js";

/** As axios hands an interceptor to the function that collects them. */
interface Entry {
  readonly fulfilled: ((value: any) => unknown) | null;
  readonly rejected: ((error: any) => unknown) | null;
  /** Without it, axios would make a call asynchronous that is not. */
  readonly synchronous: true;
  readonly runWhen: ((config: InternalAxiosRequestConfig) => boolean) | null;
}

type Collect = (entry: Entry) => void;

interface Manager {
  forEach(collect: Collect): void;
}

/**
 * Starts on an axios instance, of whichever copy of axios; on the global one too.
 *
 * A call that axios gives up before it sends anything (its signal was aborted already) is an event too.
 */
export function captureAxios(instance: AxiosInstance, emit: Emit, options: CallOptions): Undo {
  const { request, response } = instance.interceptors as unknown as Record<"request" | "response", Manager>;
  // axios collects request and response interceptors of a call one right after the other.
  let collecting: AxiosCall | null = null;
  const undoRequest = around(request, (collect, all) => {
    const call = currentContext()?.muted ? null : new AxiosCall(instance, emit, options);
    collecting = call;
    if (!call) return all();
    collect(call.onRequest(false));
    all();
    collect(call.onRequest(true));
  });
  const undoResponse = around(response, (collect, all) => {
    const call = collecting;
    collecting = null;
    if (!call) return all();
    collect(call.onResponse());
    all();
    collect(call.onEnd());
  });
  return () => {
    undoRequest();
    undoResponse();
  };
}

/** Puts `between` round the manager's own `forEach`, until undone. */
function around(manager: Manager, between: (collect: Collect, all: () => void) => void): Undo {
  const wrapper = function (this: Manager, collect: Collect): void {
    const all = (): void => Object.getPrototypeOf(manager).forEach.call(this, collect);
    between(collect, all);
  };
  Object.defineProperty(manager, "forEach", { value: wrapper, configurable: true, enumerable: false });
  return () => {
    if (Object.getOwnPropertyDescriptor(manager, "forEach")?.value === wrapper) {
      Reflect.deleteProperty(manager, "forEach");
    }
  };
}

class AxiosCall {
  readonly #call: Call<HttpCallEvent>;
  readonly #instance: AxiosInstance;
  readonly #options: CallOptions;
  #config: InternalAxiosRequestConfig | undefined;
  #response: AxiosResponse | undefined;

  constructor(instance: AxiosInstance, emit: Emit, options: CallOptions) {
    this.#call = new Call(emit, options);
    this.#instance = instance;
    this.#options = options;
  }

  /**
   * The innermost request interceptor, which axios runs last. With its old ordering (the default) that is the first
   * of the list, with the new one the last; only when it asks `runWhen` is it known which.
   */
  onRequest(last: boolean): Entry {
    return {
      fulfilled: (config: InternalAxiosRequestConfig) => {
        guarded("capture.axios", () => this.#going(config));
        return config;
      },
      rejected: null,
      synchronous: true,
      runWhen: (config) => {
        this.#config ??= config;
        return last === (config.transitional?.legacyInterceptorReqResOrdering === false);
      },
    };
  }

  /** The innermost response interceptor: the answer as it came in. */
  onResponse(): Entry {
    return this.#settled(
      (response: AxiosResponse) => {
        this.#response = response;
      },
      (error: Partial<AxiosError> | undefined) => {
        this.#response = error?.response;
      },
    );
  }

  /** The outermost one: how the call ended for the application. */
  onEnd(): Entry {
    return this.#settled(
      () => this.#end(null, false),
      (error) => this.#end(error, true),
    );
  }

  #settled(fulfilled: (value: any) => void, rejected: (error: any) => void): Entry {
    return {
      fulfilled: (value) => {
        guarded("capture.axios", () => fulfilled(value));
        return value;
      },
      rejected: (error) => {
        guarded("capture.axios", () => rejected(error));
        return Promise.reject(error);
      },
      synchronous: true,
      runWhen: null,
    };
  }

  #going(config: InternalAxiosRequestConfig): void {
    this.#config = config;
    const { context, recordId } = this.#call;
    // Without a trace that came in, nothing is sent on: what goes over the wire is as without us.
    if (context && context.traceId !== null) {
      for (const [name, value] of Object.entries(propagationHeaders(context, recordId, null))) {
        if (!config.headers.has(name)) config.headers.set(name, value);
      }
    }
    // axios then throws before any response interceptor is there to see it.
    if (config.signal?.aborted) this.#end({ code: "ERR_CANCELED", message: "canceled" }, true);
  }

  #end(error: unknown, rejected: boolean): void {
    this.#call.end(() => {
      const response = this.#response;
      const config = response?.config ?? this.#config ?? ({} as InternalAxiosRequestConfig);
      const url = this.#url(config, error);
      const status = response?.status ?? null;
      const full = this.#options.detail === "full";
      return {
        protocol: url.startsWith("https:") ? "https" : "http",
        method: (config.method ?? "get").toUpperCase(),
        url,
        requestHeaders: headersOf(config.headers),
        requestBody: full ? this.#body(config.data) : null,
        status,
        responseHeaders: headersOf(response?.headers),
        responseBody: full ? this.#body(response?.data) : null,
        outcome: rejected ? outcomeOfError(error, status) : outcomeOfStatus(status),
        error: rejected ? error : null,
      };
    });
  }

  /** A serializer of the application's is not run a second time: what it made stands on the request that went out. */
  #url(config: InternalAxiosRequestConfig, error: unknown): string {
    if (!config.paramsSerializer) return this.#instance.getUri(config);
    const request = (this.#response ?? (error as Partial<AxiosError> | null))?.request as
      { path?: unknown } | undefined;
    const path = typeof request?.path === "string" ? request.path : "";
    const query = path.includes("?") ? path.slice(path.indexOf("?")) : "";
    return this.#instance.getUri({ ...config, params: undefined, paramsSerializer: undefined }) + query;
  }

  #body(data: unknown): unknown {
    if (data === undefined || data === null) return null;
    if (typeof data === "string") return parsedIfJson(data);
    return this.#options.snapshot(data);
  }
}

/** axios has made a text of what was an object; the record shows the object again. */
function parsedIfJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text) || text.length > 65_536) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function outcomeOfError(error: unknown, status: number | null): Outcome {
  const code = (error as Partial<AxiosError> | null)?.code;
  if (code === "ERR_CANCELED") return "aborted";
  return status === null ? "failure" : outcomeOfStatus(Math.max(status, 400));
}

/** AxiosHeaders of whichever copy of axios, or a plain object. */
function headersOf(headers: unknown): Record<string, unknown> {
  if (typeof headers !== "object" || headers === null) return {};
  const { toJSON } = headers as { toJSON?: () => Record<string, unknown> };
  return { ...(typeof toJSON === "function" ? toJSON.call(headers) : headers) };
}
