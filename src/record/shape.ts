/**
 * What records are made of but for their values: the names of their fields, and where objects begin and end.
 *
 * Records of one kind have the same shape, so that packed ones tell the number of theirs instead of all names. A number
 * stands for the same shape as long as the process lives; another thread is told of new ones before it meets them.
 *
 * @module
 */

/**
 * One text a step: what it is, and behind that the name of the field. It begins behind the opening brace of the record, and ends
 * before the closing one.
 */
export type Shape = readonly string[];

export const VALUE = "=";
/** A field that is `undefined`. */
export const ABSENT = "!";
/** A field that is an object; its own fields follow, and then `CLOSE`. */
export const OPEN = "{";
export const CLOSE = "}";
export type StepKind = typeof VALUE | typeof ABSENT | typeof OPEN | typeof CLOSE;

const known: Shape[] = [];

/** All that this thread knows, by number. */
export const shapes: readonly Shape[] = known;

/** @returns its number */
export function addShape(shape: Shape): number {
  return known.push(shape) - 1;
}

/** For a thread, which is told each once and in their order. */
export function learnShapes(more: readonly Shape[]): void {
  known.push(...more);
}
