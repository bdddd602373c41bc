/**
 * Puts a recorder between a request, its answer and the application: every byte is seen as it passes, and none
 * is consumed, delayed or changed.
 *
 * Four methods are laid over each pair of request and response. `push` rather than a `data` listener: a listener would
 * start the flow, and a parser attached later (after an asynchronous authentication) would get nothing.
 * `emit` and `push` also enter the request's context again, which Node's parser callbacks lose.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { callInContext, currentContext } from "../../context/context.js";
import { fault } from "../../health.js";
import type { RequestRecorder } from "./recorder.js";

const RECORDER = Symbol("activity-audit request recorder");
const COVERED = Symbol("activity-audit covered methods");

type Method = (this: any, ...args: any[]) => any;
type Covered = Record<string, Method | undefined>;
interface Teed {
  [RECORDER]?: RequestRecorder;
  [COVERED]?: Covered;
}

/** The recorder that was put on this request before. */
export function recorderOf(message: IncomingMessage): RequestRecorder | undefined {
  return (message as Teed)[RECORDER];
}

export function tee(recorder: RequestRecorder, message: IncomingMessage, response: ServerResponse): void {
  cover(message, recorder, requestMethods);
  cover(response, recorder, responseMethods);
}

function cover(target: object, recorder: RequestRecorder, methods: Record<string, Method>): void {
  const teed = target as Teed & Record<string, Method>;
  teed[RECORDER] = recorder;
  for (const name of Object.keys(methods)) {
    // Somebody's own method on this very object was there before us, and is called through us.
    if (Object.hasOwn(target, name)) (teed[COVERED] ??= {})[name] = teed[name];
    teed[name] = methods[name] as Method;
  }
}

/**
 * The method that ours stands before. Looked up when it is called: Express gives both objects another prototype
 * after we have seen them.
 */
function covered(target: Teed, name: string): Method {
  return target[COVERED]?.[name] ?? (Object.getPrototypeOf(target) as Record<string, Method>)[name]!;
}

function within(recorder: RequestRecorder): boolean {
  return currentContext()?.request === recorder;
}

function pass(target: Teed, name: string, args: ArrayLike<unknown>): any {
  const recorder = target[RECORDER]!;
  const method = covered(target, name);
  return within(recorder)
    ? Reflect.apply(method, target, args)
    : callInContext(recorder.context, method, target, args);
}

function see(work: (recorder: RequestRecorder) => void, recorder: RequestRecorder): void {
  try {
    work(recorder);
  } catch (error) {
    fault("capture.http", error);
  }
}

const requestMethods: Record<string, Method> = {
  push(this: Teed, chunk: unknown, encoding?: unknown) {
    if (chunk) see((recorder) => recorder.received(chunk, encoding), this[RECORDER]!);
    return pass(this, "push", arguments);
  },

  emit(this: IncomingMessage & Teed, type: unknown) {
    // A pipelined request whose turn to be answered never came: its response has no socket that could close.
    if (type === "close" && this.socket?.destroyed) {
      see((recorder) => recorder.lost(), this[RECORDER]!);
    }
    return pass(this, "emit", arguments);
  },
};

const responseMethods: Record<string, Method> = {
  write(this: ServerResponse & Teed, chunk: unknown, encoding?: unknown) {
    see((recorder) => recorder.answered(chunk, encoding), this[RECORDER]!);
    return Reflect.apply(covered(this, "write"), this, arguments);
  },

  end(this: ServerResponse & Teed, chunk?: unknown, encoding?: unknown) {
    see((recorder) => recorder.answeredLast(chunk, encoding), this[RECORDER]!);
    return Reflect.apply(covered(this, "end"), this, arguments);
  },

  emit(this: Teed, type: unknown) {
    if (type === "finish") see((recorder) => recorder.sent(), this[RECORDER]!);
    else if (type === "close") see((recorder) => recorder.closed(), this[RECORDER]!);
    return pass(this, "emit", arguments);
  },
};
