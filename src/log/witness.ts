/**
 * Witnesses that live on the calling thread: a function of the application's, and an HTTP endpoint.
 *
 * @module
 */
import * as v from "valibot";
import { fault } from "../health.js";
import type { Witnessed } from "../seal/checkpoint.js";
import { within } from "../within.js";
import { outside } from "../writer/outside.js";

export type { Witnessed };

/**
 * Is told of each checkpoint, on the application's thread, some milliseconds after it was written.
 *
 * @example
 * const witness: Witness = async ({ chain, seq, hash }) => notary.put(`${chain}/${seq}`, hash);
 */
export type Witness = (checkpoint: Witnessed) => void | Promise<void>;

/** Gets each checkpoint by POST, as JSON. */
export interface WitnessEndpoint {
  /** Where it is posted to. */
  readonly url: string;
  /** Sent with it: an `authorization`, for example. Default none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Longest wait for an answer, in milliseconds; default 10000. */
  readonly timeoutMs?: number;
}

export const witnessEndpointSchema = v.strictObject({
  url: v.pipe(v.string("a URL"), v.url("a URL")),
  headers: v.optional(v.record(v.string(), v.string())),
  timeoutMs: v.optional(v.pipe(v.number(), v.minValue(1, "milliseconds, at least 1"))),
});

/** Who is told of each checkpoint, and is waited for at the end. */
export interface GuardedWitness {
  /** Counts what comes of it; never throws. */
  tell(checkpoint: Witnessed): void;
  /** Resolves when it knows all that it was told, or after ten seconds. */
  knows(): Promise<void>;
}

const KNOWS_MS = 10_000;

export function guardedWitness(witness: Witness): GuardedWitness {
  const telling = new Set<Promise<void>>();
  return {
    tell(checkpoint) {
      try {
        const told: Promise<void> = Promise.resolve(outside(() => witness(checkpoint)))
          .catch(count)
          .then(() => void telling.delete(told));
        telling.add(told);
      } catch (error) {
        count(error);
      }
    },
    async knows() {
      const isDone = await within(KNOWS_MS, () => Promise.all(telling).then(() => true), false);
      if (!isDone) count(new Error(`Of ${telling.size} checkpoints nothing was heard for ${KNOWS_MS} ms.`));
    },
  };
}

function count(error: unknown): void {
  fault("seal.witness", error);
}

/** A witness that posts to `endpoint`. An answer other than 2xx is an error; nothing is sent twice. */
export function httpWitness({ url, headers = {}, timeoutMs = 10_000 }: WitnessEndpoint): Witness {
  return async (checkpoint) => {
    const answer = await fetch(url, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: JSON.stringify(checkpoint),
      signal: AbortSignal.timeout(timeoutMs),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
  };
}
