/**
 * The capture of requests that come in: gives each its recorder and its context, and tells of each once.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { ActorLike } from "../../context/actor.js";
import { currentContext, runInContext } from "../../context/context.js";
import { fault, guarded } from "../../health.js";
import type { Emit, Undo } from "../capture.js";
import type { RequestEvent } from "../event.js";
import { UnderWay } from "../under-way.js";
import { requestPolicy, type FromRequest, type RequestOptions, type RequestPolicy } from "./options.js";
import { RequestRecorder, type Edge } from "./recorder.js";
import { recorderOf, tee, watchPrototypes } from "./tee.js";

export class RequestCapture {
  readonly #emit: Emit;
  readonly #policy: RequestPolicy;
  readonly #open = new UnderWay<RequestRecorder>();
  readonly #watched = new WeakSet<object>();
  readonly #pipelined = new WeakSet<Socket>();
  /** By what is watched, which an undo holds: a test may make a server for each of its requests. */
  readonly #undos = new WeakMap<object, Undo>();
  readonly #targets = new Set<WeakRef<object>>();
  readonly #collected = new FinalizationRegistry<WeakRef<object>>((target) => this.#targets.delete(target));
  readonly #unwatchPrototypes = watchPrototypes();
  #stopped = false;

  /** @param actor - who acts; given the framework's request when a record is made */
  constructor(emit: Emit, options: RequestOptions = {}, actor: FromRequest<ActorLike> = () => null) {
    this.#emit = emit;
    this.#policy = requestPolicy(options, actor);
  }

  /**
   * Begins to record a request, or finds the recorder that it has already: an outer capture and a framework's
   * see the same request, and it makes one record.
   *
   * @param source - what the application's functions are given: the framework's own request
   * @returns `null` after `stop()`, or if we fail: the request then goes on without us
   */
  begin(
    message: IncomingMessage,
    response: ServerResponse,
    edge: Edge = noEdge,
    source: unknown = message,
  ): RequestRecorder | null {
    if (this.#stopped) return null;
    try {
      const known = recorderOf(message);
      if (known) {
        known.adopt(edge, source);
        return known;
      }
      const recorder = new RequestRecorder(this.#policy, message, response, edge, source, this.#ended);
      tee(recorder, message, response);
      this.#open.add(recorder);
      // It waits for an earlier one of its connection to be answered.
      if (response.socket === null) this.#watchConnection(message.socket);
      // A middleware before ours has waited, and the client is gone meanwhile: nothing will be told of this one.
      if (response.closed) {
        if (response.writableFinished) recorder.sent();
        recorder.closed();
      }
      return recorder;
    } catch (error) {
      fault("capture.http", error);
      return null;
    }
  }

  /** Runs `work` as a part of the request; it returns and throws as without us. */
  run<T>(recorder: RequestRecorder | null, work: () => T): T {
    // An outer capture may have entered it already.
    return recorder === null || recorder.context === currentContext()
      ? work()
      : runInContext(recorder.context, work);
  }

  /**
   * Watches something that outlives a request (a server, an application's router): the first time that it is met.
   *
   * @param watch - begins to watch; what it returns is called when the capture stops
   */
  once(target: object, watch: () => Undo): void {
    if (this.#watched.has(target)) return;
    this.#watched.add(target);
    const undo = guarded("capture.http", watch);
    if (!undo) return;
    const reference = new WeakRef(target);
    this.#undos.set(target, undo);
    this.#targets.add(reference);
    this.#collected.register(target, reference);
  }

  /**
   * A request that cannot be read, and so reaches no handler; one a connection, whoever sees it.
   *
   * @returns tells of it, with the status that it was answered with; later calls do nothing. `null` if it is not recorded
   */
  unreadable(
    socket: object,
    event: (status: number | null) => RequestEvent,
  ): ((status: number | null) => void) | null {
    if (this.#stopped || !this.#policy.unreadable || this.#watched.has(socket)) return null;
    this.#watched.add(socket);
    let told = false;
    return (status) => {
      if (told || this.#stopped) return;
      told = true;
      guarded("capture.http", () => this.#emit(event(status)));
    };
  }

  /** Requests under way. */
  get open(): number {
    return this.#open.size;
  }

  /** Records no new request; those under way are told as they are, with the outcome `unknown`. */
  stop(): void {
    this.#stopped = true;
    for (const recorder of this.#open.all()) recorder.abandoned();
    for (const reference of [...this.#targets].toReversed()) {
      const target = reference.deref();
      const undo = target && this.#undos.get(target);
      if (undo) guarded("capture.http", undo);
    }
    this.#targets.clear();
    guarded("capture.http", this.#unwatchPrototypes);
  }

  /** When it goes, Node tells nothing of the answers that wait for an earlier one, if their requests were read to the end. */
  #watchConnection(socket: Socket | null): void {
    if (socket === null || this.#pipelined.has(socket)) return;
    this.#pipelined.add(socket);
    socket.once("close", () => {
      for (const recorder of this.#open.all()) if (recorder.message.socket === socket) recorder.left();
    });
  }

  readonly #ended = (recorder: RequestRecorder, event: Parameters<Emit>[0] | null): void => {
    this.#open.delete(recorder);
    if (event !== null) this.#emit(event);
  };
}

const noEdge: Edge = Object.freeze({});
