/**
 * Our own troubles, counted and reported; never thrown.
 *
 * Every stage may call `fault()`. The first fault of each kind is reported to the listener (the runtime
 * logs it); later ones are only counted, so that a fault in a hot path cannot flood the application's log.
 *
 * @module
 */

/** A kind of trouble, in the form `stage.what`, for example `capture.axios` or `writer.disk`. */
export type FaultKind = `${string}.${string}`;

/** What went wrong so far, one entry a kind of fault. */
export interface FaultSummary {
  /** What failed: `docs/health.md` lists the kinds. */
  readonly kind: FaultKind;
  /** How often, since `audit.start()`. */
  readonly count: number;
  /** When the last one happened, ISO 8601 in UTC. */
  readonly last_at: string;
  /** What the last one said. */
  readonly last_message: string;
}

interface Fault {
  count: number;
  lastAt: number;
  lastMessage: string;
}

const faults = new Map<FaultKind, Fault>();
let report: (kind: FaultKind, error: unknown) => void = () => {};

/** Counts a fault of ours. Never throws, whatever it is given. */
export function fault(kind: FaultKind, error: unknown): void {
  const message = describe(error);
  const known = faults.get(kind);
  if (known) {
    known.count += 1;
    known.lastAt = Date.now();
    known.lastMessage = message;
    return;
  }
  faults.set(kind, { count: 1, lastAt: Date.now(), lastMessage: message });
  try {
    report(kind, error);
  } catch {
    // A reporter that throws must not turn a counted fault into an application error.
  }
}

/** Runs `work`; a fault in it is counted under `kind`, and `undefined` is the result. */
export function guarded<T>(kind: FaultKind, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    fault(kind, error);
    return undefined;
  }
}

export function faultSummaries(): FaultSummary[] {
  return [...faults].map(([kind, { count, lastAt, lastMessage }]) => ({
    kind,
    count,
    last_at: new Date(lastAt).toISOString(),
    last_message: lastMessage,
  }));
}

/** Who hears of the first fault of each kind. */
export function onFirstFault(listener: (kind: FaultKind, error: unknown) => void): void {
  report = listener;
}

export function forgetFaults(): void {
  faults.clear();
}

function describe(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "an error that cannot be shown";
  }
}
