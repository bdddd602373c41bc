/**
 * What the line of records of one shape is, but for their values.
 *
 * All that does not depend on values is done once for a shape: how names are written, which of them hide their values, how
 * much of the limits they use.
 *
 * @module
 */
import { printable } from "./printable.js";
import { IDENTIFIERS } from "./fields.js";
import { hides, type KeyAction } from "./keys.js";
import { MAX_IDENTIFIER, type Limits, VALUE_COST } from "./limits.js";
import { ABSENT, CLOSE, OPEN, type Shape } from "./shape.js";
import type { Rules } from "./walk.js";
import { wellFormed } from "./well-formed.js";

/** What a value has to be, for the line to be made here. */
export const Value = {
  /** One of our own identifiers, or a list that holds no secret. */
  OWN: 0,
  /** One of our own identifiers, under a name that hides all else. */
  ONLY_OWN: 1,
  /** Anything that holds no secret. */
  CLEAN: 2,
  /** The same, but a short text is not looked into. */
  PUBLIC: 3,
  /** Nothing, or what says that it was hidden. */
  HIDDEN: 4,
  KIND: 7,
  /** Besides: the parameters of a route say which part of the path is a secret. */
  ROUTE: 8,
  /** How deep the field is, in the bits above; of the record's own: 0. */
  DEPTH: 4,
} as const;

/** Bytes are copied four at a time. */
const WORD = 4;

export interface LinePlan {
  /** What stands before each value and behind the last, one after the other, each filled up to whole words. */
  readonly words: Uint32Array;
  /** Of each, how many bytes. */
  readonly lengths: Uint32Array;
  /** Of each value, what it has to be and how deep it is: see `Value`. */
  readonly values: Uint16Array;
  /** What names and their number use up of `Limits.total`. */
  readonly cost: number;
}

/** What stands under a name; undefined for one under which only the walk knows what may stand. */
export function valueUnder(action: KeyAction, own: boolean): number | undefined {
  if (own) return action === "keep" ? Value.OWN : Value.ONLY_OWN;
  if (action === "keep") return Value.CLEAN;
  if (action === "public") return Value.PUBLIC;
  return hides(action) ? Value.HIDDEN : undefined;
}

/** @returns undefined for a shape whose records must be built */
export function planOf(shape: Shape, { keys }: Rules, limits: Limits): LinePlan | undefined {
  const texts: string[] = [];
  const values: number[] = [];
  let cost = 0;
  let text = "{";
  /* Of each object that is open, its fields so far, with those that are `undefined`. */
  const counts = [0];
  for (const step of shape) {
    if (step === CLOSE) {
      text += "}";
      counts.pop();
      continue;
    }
    const name = step.slice(1);
    const depth = counts.length - 1;
    const action = keys.actionOf(name);
    const own = depth === 0 && IDENTIFIERS.has(name);
    counts[depth]! += 1;
    if (counts[depth]! > (depth === 0 ? Math.min(MAX_IDENTIFIER, limits.entries) : limits.entries))
      return undefined;
    cost += name.length + VALUE_COST;
    if (step[0] === ABSENT) {
      if (action !== "keep" && !own) return undefined;
      continue;
    }
    // A comma unless it is the first of its object that is written.
    text += `${text.endsWith("{") ? "" : ","}${nameText(name)}:`;
    if (step[0] === OPEN) {
      if ((action !== "keep" && action !== "public") || name === "route" || counts.length >= limits.depth)
        return undefined;
      text += "{";
      counts.push(0);
      continue;
    }
    const value = valueUnder(action, own);
    if (value === undefined) return undefined;
    values.push(value | (name === "route" ? Value.ROUTE : 0) | (depth << Value.DEPTH));
    texts.push(text);
    text = "";
  }
  texts.push(`${text}}`);
  return { ...packed(texts), values: Uint16Array.from(values), cost };
}

/** A name as it stands in a line. */
export function nameText(name: string): string {
  return printable(wellFormed(JSON.stringify(name)));
}

function packed(texts: readonly string[]): Pick<LinePlan, "words" | "lengths"> {
  const all = texts.map((text) => Buffer.from(text));
  const words = all.reduce((sum, bytes) => sum + Math.ceil(bytes.length / WORD), 0);
  const into = Buffer.alloc(words * WORD);
  let at = 0;
  for (const bytes of all) {
    into.set(bytes, at);
    at += Math.ceil(bytes.length / WORD) * WORD;
  }
  return {
    words: Uint32Array.from({ length: words }, (_, index) => into.readUInt32LE(index * WORD)),
    lengths: Uint32Array.from(all, ({ length }) => length),
  };
}
