/**
 * Watches a stream that passes between the application and a service: its bytes are counted and hashed as they are
 * read, by whoever reads them; nothing is read, held up or changed.
 *
 * @module
 */
import { createHash, type Hash } from "node:crypto";
import type { UnderlyingByteSource } from "node:stream/web";
import { guarded } from "../health.js";
import type { Undo } from "./capture.js";
import { replaceMethod } from "./patch.js";

/** How a stream came to its end. */
export type StreamEnd =
  | { readonly how: "whole" }
  | { readonly how: "failed"; readonly error: unknown }
  /** Its reader wanted no more. */
  | { readonly how: "left" };

/** A stream as far as it has passed. */
export class Passing {
  bytes = 0;
  end: StreamEnd | null = null;
  /** Called once, when it has ended. */
  ended: ((end: StreamEnd) => void) | undefined;
  /** Given each part, in order. */
  part: ((bytes: Uint8Array) => void) | undefined;
  /** Given what a stream of Node's tells its readers at its end, to be run. */
  around: (<T>(tell: () => T) => T) | undefined;
  #hash: Hash | null;
  #undo: Undo = () => {};

  private constructor(
    hashed: boolean,
    readonly received: boolean,
  ) {
    this.#hash = hashed ? createHash("sha256") : null;
  }

  /**
   * Begins with a stream of Node's or of the web that nobody has read yet.
   *
   * @param hashed - false spares the hash where nobody will be told of it
   * @param received - what the service sent; of a text that is sent to it, the bytes are UTF-8
   * @returns `undefined` for what is no stream
   */
  static of(value: unknown, hashed: boolean, received = false): Passing | undefined {
    if (typeof value !== "object" || value === null) return undefined;
    const web = value instanceof ReadableStream;
    if (web ? value.locked : !isNodeStream(value)) return undefined;
    const passing = new Passing(hashed, received);
    passing.#undo = web ? watchWebStream(value, passing) : watchNodeStream(value as NodeStream, passing);
    return passing;
  }

  /** Lower-case hex, once all has passed. */
  sha256(): string | null {
    return this.end?.how === "whole" ? (this.#digest ??= this.#hash?.digest("hex") ?? null) : null;
  }
  #digest: string | null = null;

  /** Gives the stream back before its end. */
  undo(): void {
    this.ended = undefined;
    this.#undo();
  }

  /** @param encoding - in which the stream gives the bytes that came as text, where its reader asked for that */
  saw(chunk: unknown, encoding?: BufferEncoding | null): void {
    guarded("capture.stream", () => {
      const bytes = typeof chunk === "string" ? Buffer.from(chunk, encoding ?? "utf8") : chunk;
      if (!(bytes instanceof Uint8Array)) return;
      // It stands for bytes that are no text, too.
      if (encoding && typeof chunk === "string" && chunk.includes("\ufffd")) this.#hash = null;
      this.bytes += bytes.byteLength;
      this.#hash?.update(bytes);
      this.part?.(bytes);
    });
  }

  finish(end: StreamEnd): void {
    if (this.end) return;
    this.end = end;
    this.#undo();
    const { ended } = this;
    if (ended) guarded("capture.stream", () => ended(end));
  }
}

interface NodeStream {
  emit(event: string, ...args: unknown[]): boolean;
  destroy?(error?: unknown): unknown;
  readonly readableEncoding?: BufferEncoding | null;
  readonly req?: { readonly aborted?: boolean };
}

function isNodeStream(value: object): value is NodeStream {
  const { pipe, on, emit } = value as Record<string, unknown>;
  return typeof pipe === "function" && typeof on === "function" && typeof emit === "function";
}

/** However it is read (piped, iterated, by `read`), a readable stream emits `data` for each part that is taken. */
function watchNodeStream(stream: NodeStream, passing: Passing): Undo {
  const undoEmit = replaceMethod(stream, "emit", (emit) => {
    return function (this: unknown, event: string, ...args: unknown[]): boolean {
      if (event === "data") passing.saw(args[0], passing.received ? stream.readableEncoding : null);
      else if (event === "end") passing.finish({ how: "whole" });
      else if (event === "error") passing.finish({ how: "failed", error: args[0] });
      else if (event === "close") passing.finish({ how: "left" });
      const tell = (): boolean => emit.call(this, event, ...args) as boolean;
      return event === "end" && passing.around ? passing.around(tell) : tell();
    };
  });
  if (typeof stream.destroy !== "function") return undoEmit;
  // An answer of Node's that its reader leaves says "aborted", as one does that the service broke off: only how it was
  // destroyed tells them apart.
  const undoDestroy = replaceMethod(stream as Required<NodeStream>, "destroy", (destroy) => {
    return function (this: unknown, ...args: unknown[]): unknown {
      if (isLeaving(args[0], stream)) passing.finish({ how: "left" });
      return destroy.apply(this, args);
    };
  });
  return () => {
    undoEmit();
    undoDestroy();
  };
}

/**
 * As a reader destroys a stream: without an error, or, an iterator that is left early, with Node's own for it; where
 * the stream is an answer, that iterator aborts the request instead.
 *
 * @see https://github.com/nodejs/node/blob/v20.x/lib/internal/streams/destroy.js
 */
function isLeaving(error: unknown, stream: NodeStream): boolean {
  if (error === undefined || error === null || stream.req?.aborted === true) return true;
  return (error as { code?: unknown }).code === "ABORT_ERR";
}

/**
 * A web stream tells nobody of its reading, so the methods that begin one read from another stream, which reads this
 * one. It is made only then, and this one is locked by it as by any reader.
 */
function watchWebStream(stream: ReadableStream, passing: Passing): Undo {
  let counted: ReadableStream | undefined;
  const through = (bytes: boolean): ReadableStream => (counted ??= countedStream(stream, passing, bytes));
  const begin = (name: "pipeTo" | "pipeThrough" | "tee" | "values" | "getReader"): Undo =>
    replaceMethod(stream as unknown as Record<typeof name, (...args: any[]) => any>, name, (original) => {
      return function (this: unknown, ...args: any[]): unknown {
        if (this !== stream || (stream.locked && !counted)) return original.apply(this, args);
        const source = through((args[0] as { mode?: unknown } | undefined)?.mode === "byob");
        return Reflect.apply(original, source, args);
      };
    });
  const undos = (["pipeTo", "pipeThrough", "tee", "values", "getReader"] as const).map((name) => begin(name));
  undos.push(
    replaceMethod(stream, "cancel", (cancel) => {
      return function (this: unknown, ...args: any[]): unknown {
        // A stream that is locked refuses it.
        if (this === stream && !stream.locked) passing.finish({ how: "left" });
        return cancel.apply(this, args);
      };
    }),
  );
  Object.defineProperty(stream, Symbol.asyncIterator, {
    value: (...args: any[]) => stream.values(...args),
    configurable: true,
  });
  return () => {
    if (counted) return;
    Reflect.deleteProperty(stream, Symbol.asyncIterator);
    for (const undo of undos) undo();
  };
}

function countedStream(stream: ReadableStream, passing: Passing, bytes: boolean): ReadableStream {
  const reader = ReadableStream.prototype.getReader.call(stream) as ReadableStreamDefaultReader;
  const source = {
    async pull(controller: ReadableStreamDefaultController): Promise<void> {
      try {
        const { done, value } = await reader.read();
        if (!done) {
          passing.saw(value);
          controller.enqueue(value);
          return;
        }
        passing.finish({ how: "whole" });
        controller.close();
        (controller as unknown as ReadableByteStreamController).byobRequest?.respond(0);
      } catch (error) {
        passing.finish({ how: "failed", error });
        throw error;
      }
    },
    cancel(reason: unknown): Promise<void> {
      passing.finish({ how: "left" });
      return reader.cancel(reason);
    },
  };
  return bytes
    ? new ReadableStream({ ...source, type: "bytes" } as unknown as UnderlyingByteSource)
    : new ReadableStream(source, { highWaterMark: 0 });
}
