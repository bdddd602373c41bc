/**
 * Waits for what is bound to come, and says so when it does not.
 *
 * @module
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Far beyond what the slowest machine needs; a wait without an end would hold up the whole run. */
const LIMIT_MS = 120_000;

/** @throws {AssertionError} after two minutes, with the condition */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!(await holds())) {
    assert.ok(Date.now() < deadline, `not so within ${LIMIT_MS / 1000} s: ${holds}`);
    await sleep(5);
  }
}
