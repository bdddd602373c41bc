/**
 * Captures the calls of an axios instance: one event a logical call, its retries numbered in it.
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
import type { AxiosInstance } from "axios";
import { detailNow, type CallOptions } from "../call.js";
import type { Emit, Undo } from "../capture.js";
import { UnderWay } from "../under-way.js";
import { adapterFinder } from "./adapter.js";
import { Attempt, type Entry } from "./attempt.js";
import type { AxiosTarget } from "./logical-call.js";

type Collect = (entry: Entry) => void;

interface Manager {
  forEach(collect: Collect): void;
}

/**
 * Starts on an axios instance, of whichever copy of axios; on the global one too.
 *
 * A call that axios gives up before it sends anything (its signal was aborted already) is an event too. Calls that are
 * under way when it is undone are told as `unknown`.
 */
export function captureAxios(instance: AxiosInstance, emit: Emit, options: CallOptions): Undo {
  const { request, response } = instance.interceptors as unknown as Record<"request" | "response", Manager>;
  const target: AxiosTarget = {
    instance,
    emit,
    options,
    live: new UnderWay(),
    findAdapter: adapterFinder(instance),
  };
  // axios collects request and response interceptors of a call one right after the other.
  let collecting: Attempt | null = null;
  const undoRequest = around(request, (collect, all) => {
    const detail = detailNow(options.detail);
    collecting = detail === false ? null : new Attempt(target, detail);
    if (collecting) collecting.collectRequest(collect, all);
    else all(collect);
  });
  const undoResponse = around(response, (collect, all) => {
    const attempt = collecting;
    collecting = null;
    if (attempt) attempt.collectResponse(collect, all);
    else all(collect);
  });
  return () => {
    undoRequest();
    undoResponse();
    for (const call of target.live.all()) call.giveUp();
  };
}

/** Puts `between` round the manager's own `forEach`, until undone. */
function around(manager: Manager, between: (collect: Collect, all: (to: Collect) => void) => void): Undo {
  const wrapper = function (this: Manager, collect: Collect): void {
    between(collect, (to) => Object.getPrototypeOf(manager).forEach.call(this, to));
  };
  Object.defineProperty(manager, "forEach", { value: wrapper, configurable: true, enumerable: false });
  return () => {
    if (Object.getOwnPropertyDescriptor(manager, "forEach")?.value === wrapper) {
      Reflect.deleteProperty(manager, "forEach");
    }
  };
}
