/**
 * The formats that make lines of frames, by number: a frame only tells which is its own. Both threads have them.
 *
 * @module
 */
import { Formatter, type FormatSettings } from "../record/formatter.js";
import type { Format } from "./entry.js";

/** A frame has two bytes for the number. */
const MAX_FORMATS = 1 << 16;

export class Formats {
  readonly #settings: FormatSettings[] = [];
  readonly #made: Format[] = [];

  /** @returns the number; undefined if there is none left */
  numberOf(settings: FormatSettings, isNew: (number: number) => void): number | undefined {
    const known = this.#settings.indexOf(settings);
    if (known >= 0) return known;
    if (this.#settings.length >= MAX_FORMATS) return undefined;
    this.#settings.push(settings);
    isNew(this.#settings.length - 1);
    return this.#settings.length - 1;
  }

  /** For a thread, which is told them in their order. */
  learn(settings: readonly FormatSettings[]): void {
    this.#settings.push(...settings.slice(this.#settings.length));
  }

  get all(): readonly FormatSettings[] {
    return this.#settings;
  }

  readonly of = (number: number): Format | undefined => {
    const made = this.#made[number];
    if (made) return made;
    const settings = this.#settings[number];
    if (!settings) return undefined;
    const formatter = new Formatter(settings);
    return (this.#made[number] = (from, start, end, into) => formatter.write(from, start, end, into));
  };
}
