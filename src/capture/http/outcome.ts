/**
 * How a request ended, from its answer.
 *
 * @module
 */
import type { Outcome } from "../../record/types.js";

/** The outcome that a status says; for an answer that was sent whole. */
export function outcomeOfStatus(status: number): Outcome {
  if (status < 400) return "success";
  return status === 401 || status === 403 || status === 407 ? "denied" : "failure";
}
