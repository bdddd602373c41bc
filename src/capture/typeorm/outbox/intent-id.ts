/**
 * The ids of intents: rows of the outbox that were committed before the statement they tell of, and are to be handed on only
 * if its session has gone.
 *
 * UUIDv8, so that they can be told from ordinary rows, with the time of a UUIDv7 in front, so that they lie among them. The
 * id names a lock that the statement's session holds: a process that is killed takes its sessions along, and they their locks.
 *
 * @module
 */
import type { OutboxRow } from "./store.js";

const VERSION = 14;

/** @param id - a UUIDv7 */
export const intentId = (id: string): string => `${id.slice(0, VERSION)}8${id.slice(VERSION + 1)}`;

export const isIntent = (id: string): boolean => id[VERSION] === "8";

/** The lock's number, where a lock has one: the last 62 bits, which are a counter and random. */
export const lockNumber = (id: string): string =>
  BigInt.asUintN(62, BigInt(`0x${id.replaceAll("-", "").slice(16)}`)).toString();

/**
 * The first rows without the intents whose sessions live.
 *
 * @param select - the first rows but these, as they are committed now
 * @param isHeld - whether a session holds the intent's lock
 */
export async function rowsToHandOn(
  select: (but: readonly string[]) => Promise<readonly OutboxRow[]>,
  isHeld: (id: string) => Promise<boolean>,
): Promise<readonly OutboxRow[]> {
  const live: string[] = [];
  const left = new Set<string>();
  for (;;) {
    const rows = await select(live);
    const unknown = rows.filter(({ id }) => isIntent(id) && !left.has(id));
    if (unknown.length === 0) return rows;
    // Looked at again after its lock was found free: until then its session may have replaced it.
    for (const { id } of unknown) {
      if (await isHeld(id)) live.push(id);
      else left.add(id);
    }
  }
}
