/**
 * What every capture has in common: it is started on a target, tells what happened through `emit`,
 * and gives back how to leave the target as it was found.
 *
 * @module
 */
import type { CaptureEvent } from "./event.js";

/** Gives the target back as it was. May be called more than once. */
export type Undo = () => void;

/** Takes an event. Never throws, never waits. */
export type Emit = (event: CaptureEvent) => void;

/** Sees what happens at one kind of target. */
export interface Capture<Target, Options = void> {
  (target: Target, emit: Emit, options: Options): Undo;
}
