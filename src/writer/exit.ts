/**
 * Ends of the process: what waits is written, and the process ends as it would have without us.
 *
 * @module
 */

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
type Signal = (typeof SIGNALS)[number];

/**
 * Runs `drain` before the process ends by `process.exit`, an uncaught exception, a rejection nobody handled, an
 * empty event loop, or one of SIGTERM, SIGINT, SIGHUP.
 *
 * @param drain - synchronous; told whether the process is certain to end
 * @returns takes the listeners away
 */
export function beforeEnd(drain: (certain: boolean) => void): () => void {
  const onExit = (): void => drain(true);
  process.on("exit", onExit);
  const undo = SIGNALS.map((signal) => onSignal(signal, () => drain(false)));
  return () => {
    process.off("exit", onExit);
    for (const off of undo) off();
  };
}

/*
 * A listener keeps a signal from ending the process, and libraries count the listeners to decide whether they
 * must end it. So ours runs first, takes itself away, and lets the signal go on as if it had never been there:
 * to the application's own listeners if there are any, else to the system. If the process lives on, it returns.
 */
function onSignal(signal: Signal, drain: () => void): () => void {
  let active = true;
  const listen = (): void => {
    if (active && !process.listeners(signal).includes(listener)) process.prependListener(signal, listener);
  };
  const listener = (): void => {
    drain();
    process.off(signal, listener);
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
    else setImmediate(listen).unref();
  };
  listen();
  return () => {
    active = false;
    process.off(signal, listener);
  };
}
