/**
 * Follows a stream that the application was given to its end.
 *
 * @module
 */
import type { Readable, Writable } from "node:stream";
import { guarded } from "../../health.js";
import type { SftpCall } from "./sftp-call.js";

/**
 * Looks at what the stream emits, and listens to nothing: a listener for `data` would start its flow, and one for
 * `error` would keep the process from ending where the application has none.
 */
export function followStream(stream: Readable | Writable, call: SftpCall): void {
  const { emit } = stream;
  // A stream of ssh2 that does not close itself is left open by many who use it.
  const closes = (stream as { autoClose?: boolean }).autoClose !== false;
  let read = false;
  const see = (event: unknown, value: unknown): void => {
    if (event === "error") return call.failed(value);
    read ||= event === "end";
    if (event !== "close" && (closes || (event !== "end" && event !== "finish"))) return;
    // ssh2 destroys its own stream for writing as its last act, so that there is no `finish`.
    const whole = read || ("writableEnded" in stream && stream.writableEnded && stream.writableLength === 0);
    if (whole) call.succeeded(undefined);
    else call.aborted();
  };
  stream.emit = function (this: typeof stream, event: string | symbol, ...args: unknown[]) {
    guarded("capture.sftp", () => see(event, args[0]));
    return Reflect.apply(emit, this, [event, ...args]);
  } as typeof emit;
}
