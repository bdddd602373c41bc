/**
 * Stands between a request, its answer and the application: every byte is seen as it passes, and none is
 * consumed, delayed or changed.
 *
 * `push` is watched rather than `data`: a listener would start the flow, and a parser attached later (after an
 * asynchronous authentication) would get nothing. `emit` and `push` also enter the request's context again, which
 * Node's parser callbacks lose.
 *
 * Node's two prototypes are watched once for all requests. Methods on each object would do the same, but Express
 * changes the prototype of every request and response, and objects with methods of their own come out of that slow.
 * Only what does not inherit the watched methods (HTTP/2, injected requests) gets its own.
 *
 * @module
 */
import { IncomingMessage, ServerResponse } from "node:http";
import { callInContext, currentContext } from "../../context/context.js";
import type { Undo } from "../capture.js";
import type { RequestRecorder } from "./recorder.js";

const RECORDER = Symbol("activity-audit request recorder");

interface Teed {
  [RECORDER]?: RequestRecorder;
}
type Method = (this: any, ...args: any[]) => any;
/** Makes the method that stands before `method`. Given a recorder, it is for one object of that request. */
type Watch = (method: Method, own?: RequestRecorder, made?: number) => Method;

/** The recorder that was put on this request before. */
export function recorderOf(message: IncomingMessage): RequestRecorder | undefined {
  return (message as Teed)[RECORDER];
}

/** Lets `recorder` see what passes between this request and its answer. */
export function tee(recorder: RequestRecorder, message: IncomingMessage, response: ServerResponse): void {
  (message as Teed)[RECORDER] = recorder;
  if (message.push !== (watchedMethods["push"] as unknown)) {
    recorder.ownMessage = true;
    watchObject(message, requestMethods, recorder);
  }
  if (response.end !== (watchedMethods["end"] as unknown) || response.req !== message) {
    recorder.ownResponse = true;
    watchObject(response, responseMethods, recorder);
  }
}

function watchObject(target: object, methods: Record<string, Watch>, recorder: RequestRecorder): void {
  const object = target as Record<string, Method>;
  for (const [name, watch] of Object.entries(methods)) {
    const method = object[name];
    if (method) object[name] = watch(method, recorder);
  }
}

const watchedMethods: Record<string, Method> = {};
let owners = 0;
let undos: Undo[] = [];
/** Which methods of ours are meant: those of an earlier start may still be there, below somebody else's. */
let start = 0;

/** Watches Node's prototypes until undone; once, however many captures there are. */
export function watchPrototypes(): Undo {
  owners += 1;
  if (owners === 1) {
    start += 1;
    undos = [
      ...watchPrototype(IncomingMessage.prototype, requestMethods),
      ...watchPrototype(ServerResponse.prototype, responseMethods),
    ];
  }
  let owned = true;
  return () => {
    if (owned) owners -= 1;
    owned = false;
    if (owners === 0) for (const undo of undos.splice(0)) undo();
  };
}

function watchPrototype(target: object, methods: Record<string, Watch>): Undo[] {
  const prototype = target as Record<string, Method>;
  return Object.entries(methods).map(([name, watch]) => {
    const own = Object.getOwnPropertyDescriptor(prototype, name);
    const watched = watch(prototype[name]!);
    watchedMethods[name] = watched;
    Object.defineProperty(prototype, name, { value: watched, configurable: true, writable: true });
    return () => {
      // Somebody who came after us holds our method, which only calls through from the next start on.
      if (prototype[name] !== watched) return;
      if (own) Object.defineProperty(prototype, name, own);
      else delete prototype[name];
    };
  });
}

/** The recorder of the request whose context this is; a part of it, such as `audit.ignore`, is in it as well. */
function current(): RequestRecorder | undefined {
  return (currentContext()?.request as RequestRecorder | null | undefined) ?? undefined;
}

/** Calls the method itself, in the request's context. What nobody listens to needs none. */
function emitIn(recorder: RequestRecorder, method: Method, target: any, args: ArrayLike<unknown>): any {
  return target.listenerCount(args[0]) === 0
    ? Reflect.apply(method, target, args)
    : callInContext(recorder.context, method, target, args);
}

/**
 * The context is looked at first. On Node 20 the objects of Express have a hidden class each, since their prototype was
 * changed, and the first look at any of their properties takes a fifth of a microsecond.
 */
function ofMessage(
  message: Teed,
  inside: RequestRecorder | undefined,
  made: number,
): RequestRecorder | undefined {
  const recorder = inside?.message === message ? inside : message[RECORDER];
  return recorder?.ownMessage || made !== start ? undefined : recorder;
}

function ofResponse(
  response: object,
  inside: RequestRecorder | undefined,
  made: number,
): RequestRecorder | undefined {
  const recorder = inside?.response === response ? inside : (response as { req?: Teed }).req?.[RECORDER];
  return recorder?.ownResponse || made !== start ? undefined : recorder;
}

const requestMethods: Record<string, Watch> = {
  push: (method, own, made = start) =>
    function push(chunk: unknown, encoding?: unknown) {
      const inside = current();
      const recorder = own ?? ofMessage(this, inside, made);
      if (recorder === undefined) return Reflect.apply(method, this, arguments);
      if (chunk) recorder.received(chunk, encoding);
      return inside === recorder
        ? Reflect.apply(method, this, arguments)
        : callInContext(recorder.context, method, this, arguments);
    },

  emit: (method, own, made = start) =>
    function emit(type: unknown) {
      const inside = current();
      const recorder = own ?? ofMessage(this, inside, made);
      if (recorder === undefined) return Reflect.apply(method, this, arguments);
      if (type === "close") recorder.left();
      return inside === recorder
        ? Reflect.apply(method, this, arguments)
        : emitIn(recorder, method, this, arguments);
    },
};

const responseMethods: Record<string, Watch> = {
  write: (method, own, made = start) =>
    function write(chunk: unknown, encoding?: unknown) {
      (own ?? ofResponse(this, current(), made))?.answered(chunk, encoding);
      return Reflect.apply(method, this, arguments);
    },

  end: (method, own, made = start) =>
    function end(chunk?: unknown, encoding?: unknown) {
      const recorder = own ?? ofResponse(this, current(), made);
      if (recorder === undefined) return Reflect.apply(method, this, arguments);
      recorder.answeredLast(chunk, encoding);
      try {
        return Reflect.apply(method, this, arguments);
      } catch (error) {
        recorder.answersOn();
        throw error;
      }
    },

  emit: (method, own, made = start) =>
    function emit(type: unknown) {
      const inside = current();
      const recorder = own ?? ofResponse(this, inside, made);
      if (recorder === undefined) return Reflect.apply(method, this, arguments);
      if (type === "finish") recorder.sent();
      else if (type === "close") recorder.closed();
      else if (type === "timeout") recorder.timedOut();
      return inside === recorder
        ? Reflect.apply(method, this, arguments)
        : emitIn(recorder, method, this, arguments);
    },
};
