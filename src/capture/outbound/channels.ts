/**
 * Subscribes to diagnostics channels; what goes wrong in a subscriber of ours is counted, and never thrown into Node.
 *
 * @module
 */
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { fault } from "../../health.js";
import type { Undo } from "../capture.js";

/** A message, as far as it is known: each field is checked before it is believed. */
export type Message = Readonly<Record<string, any>>;

/** @param listeners - by channel */
export function listen(listeners: Readonly<Record<string, (message: Message) => void>>): Undo {
  const undos = Object.entries(listeners).map(([channel, listener]) => {
    const subscriber = (message: unknown): void => {
      // No `guarded`: this runs several times for each call, and a closure each time is felt.
      try {
        listener(message as Message);
      } catch (error) {
        fault("capture.outbound", error);
      }
    };
    subscribe(channel, subscriber);
    return () => unsubscribe(channel, subscriber);
  });
  return () => {
    for (const undo of undos) undo();
  };
}
