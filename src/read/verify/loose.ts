/**
 * Lines that belong to no chain: what is left of edited ones, what was put in, and halves that a killed process left.
 *
 * @module
 */
import type { FileScan, OddLine, Place } from "./types.js";

export class LooseLines {
  readonly #byFile = new Map<string, Set<OddLine>>();

  constructor(scans: readonly FileScan[], orphans: readonly OddLine[]) {
    const lines = [...scans.flatMap(({ odd }) => odd.filter(({ chain }) => chain === null)), ...orphans];
    for (const line of lines.toSorted((a, b) => a.line - b.line)) {
      const group = this.#byFile.get(line.file) ?? new Set();
      this.#byFile.set(line.file, group.add(line));
    }
  }

  /** A line between two places, which nobody has taken yet; a half line only if there is no other. */
  take(from: Place | undefined, to: Place | undefined, halves = true): OddLine | undefined {
    const files = [...new Set([from?.file, to?.file].filter((file) => file !== undefined))];
    const between = files
      .flatMap((file) => [...(this.#byFile.get(file) ?? [])])
      .filter((line) => from?.file !== line.file || line.line > from.line)
      .filter((line) => to?.file !== line.file || line.line < to.line);
    const found = between.find(({ why }) => why !== "half") ?? (halves ? between[0] : undefined);
    if (found) this.#byFile.get(found.file)!.delete(found);
    return found;
  }

  /** Those that are left, and are no halves. */
  left(): OddLine[] {
    return [...this.#byFile.values()].flatMap((lines) => [...lines].filter(({ why }) => why !== "half"));
  }
}
