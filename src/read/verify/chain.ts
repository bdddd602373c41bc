/**
 * One chain, put together from its runs in all files: what is missing, what is there twice, and what does not fit.
 *
 * @module
 */
import { HEADROOM, LineDigest } from "../../seal/digest.js";
import { NO_HASH } from "../../seal/line.js";
import type { ChainKeys } from "./keys.js";
import type { Finding, OddLine, Place, Run, Tampering } from "./types.js";

/** After so many lines that are not there nobody looks for the next: a forged line can bear any number. */
const MOST_MISSING = 10_000;

/** What is known of the files beside the chain. */
export interface Surroundings {
  /** Where a file stands among the others. */
  order(file: string): number;
  /** Lines of no chain that lie between two places; each is given away once. */
  takeOdd(from: Place | undefined, to: Place): OddLine | undefined;
  /** Lines of this chain that did not fit. */
  readonly odd: readonly OddLine[];
  /** Whether lines before `seq` may be missing: they were read over on purpose, or retired. */
  mayBegin(seq: number): boolean;
  /** Seals that a half line had run into. */
  readonly glued: ReadonlySet<string>;
}

/** A chain, with its lines in the order that they were written in. */
export class Chain {
  readonly findings: Finding[] = [];
  /** In the order of their first lines. */
  readonly runs: readonly Run[];
  readonly #digest = new LineDigest();
  readonly #byNumber: ReadonlyMap<number, readonly OddLine[]>;
  #end: Run | undefined;

  constructor(
    readonly name: string,
    runs: readonly Run[],
    private readonly around: Surroundings,
    private readonly keys: ChainKeys,
  ) {
    const { fitting, odd } = this.#misnumbered(runs);
    this.runs = fitting.toSorted((a, b) => a.from - b.from || this.#compare(a.first, b.first));
    this.#byNumber = groupBy([...around.odd, ...odd], ({ seq }) => seq!);
  }

  /* A line between two others that lack one line between them, with a number that is not this one's. */
  #misnumbered(runs: readonly Run[]): { fitting: Run[]; odd: OddLine[] } {
    const standing = runs.toSorted((a, b) => this.#compare(a.first, b.first));
    const odd: OddLine[] = [];
    const fitting = standing.filter((run, index) => {
      const [before, after] = [standing[index - 1], standing[index + 1]];
      if (run.from !== run.to || !before || !after || after.from !== before.to + 2) return true;
      if (run.from === before.to + 1) return true;
      const seq = before.to + 1;
      odd.push({
        ...run.first,
        chain: run.chain,
        seq,
        hashes: [run.head],
        why: "hash",
        isCheckpoint: run.opening,
      });
      return false;
    });
    return { fitting, odd };
  }

  /** The run that holds the last line. */
  get end(): Run | undefined {
    return this.#end;
  }

  join(): void {
    let before: Run | undefined;
    for (const run of this.runs) {
      if (before && run.from <= before.to) this.#twice(run);
      else this.#next(before, run);
      if (!before || run.to > before.to) before = run;
    }
    this.#end = before;
    this.#reordered();
    this.#leftOver();
  }

  #next(before: Run | undefined, run: Run): void {
    const expected = before ? before.to + 1 : 0;
    if (before && run.unchecked.keyId === undefined && run.from === expected) {
      // Its lines were not checked: each file that a chain writes to begins with a checkpoint.
      return this.#find("reordered", run.first, run.from, 1, "stands in a file that it was not written to");
    }
    if (run.from > expected) return this.#gap(before, run, expected);
    if (this.#fits(run, [before?.head ?? NO_HASH])) {
      if (run.from === 0 && !run.opening)
        this.#find("inserted", run.first, 0, 1, "a chain that no checkpoint begins");
      return;
    }
    const kind = run.opening ? "forged-checkpoint" : "edited";
    this.#find(kind, run.first, run.from, 1, "does not follow from the line before it");
  }

  /* Lines from `expected` to the run are not there, or not as they were. */
  #gap(before: Run | undefined, run: Run, expected: number): void {
    if (!before && run.opening && this.around.mayBegin(run.from)) return;
    const edited: OddLine[] = [];
    for (let [seq, missed] = [expected, 0]; seq < run.from && missed < MOST_MISSING; seq += 1) {
      const odd = this.#takeNumbered(seq, before, run) ?? this.around.takeOdd(before?.last, run.first);
      if (odd) edited.push(odd);
      else if (edited.length === 0 && run.from - seq > MOST_MISSING) break;
      else missed += 1;
    }
    for (const odd of edited) {
      const kind = odd.isCheckpoint ? "forged-checkpoint" : "edited";
      this.#find(
        kind,
        odd,
        odd.seq ?? expected,
        1,
        odd.why === "hash" ? "is not what was written" : "has lost its seal",
      );
    }
    const missing = run.from - expected - edited.length;
    if (missing > 0) this.#missing(before, run, expected, missing);
    else this.#afterEdited(run, edited.at(-1)!);
  }

  /* The line after an edited one fits to what was written there, of which the seal or the rest may be left. */
  #afterEdited(run: Run, edited: OddLine): void {
    if (edited.hashes.length === 0 || this.#fits(run, edited.hashes)) return;
    this.#find(
      run.opening ? "forged-checkpoint" : "edited",
      run.first,
      run.from,
      1,
      "is not what was written",
    );
  }

  #missing(before: Run | undefined, run: Run, from: number, count: number): void {
    const [what, lines] = [count === 1 ? "a line is" : `${count} lines are`, `from number ${from}`];
    if (before && before.last.file === run.first.file) {
      return this.#find("deleted", run.first, from, count, `${what} missing before this one, ${lines}`);
    }
    const [earlier, later] = [before?.fileNumber ?? 0, run.opening ? run.fileNumber : undefined];
    if (later === undefined) {
      return this.#find(
        "deleted",
        run.first,
        from,
        count,
        `${what} missing at the beginning of this file, ${lines}`,
      );
    }
    if (before && later <= earlier + 1) {
      return this.#find(
        "truncated",
        before.last,
        from,
        count,
        `${what} missing at the end of this file, ${lines}`,
      );
    }
    const files = later - earlier - 1;
    const message = `${files === 1 ? "a file is" : `${files} files are`} missing before this one, and with it ${count} lines, ${lines}`;
    this.#find("missing-file", run.first, from, count, message);
  }

  #twice(run: Run): void {
    const seal = `${run.chain} ${run.from} ${run.unchecked.hash}`;
    if (run.from === run.to && this.around.glued.has(seal)) return;
    const kind = run.opening ? "forged-checkpoint" : "inserted";
    this.#find(kind, run.first, run.from, run.to - run.from + 1, "there is a line of this number already");
  }

  /* Runs that fit, but stand in one file in another order than they were written in. */
  #reordered(): void {
    const found = new Set(this.findings.map(({ file, line }) => `${file} ${line}`));
    const kept = this.runs.filter(({ first }) => !found.has(`${first.file} ${first.line}`));
    for (const runs of groupBy(kept, ({ first }) => first.file).values()) {
      const standing = runs.toSorted((a, b) => a.first.line - b.first.line);
      const back = standing.findIndex((run, index) => index > 0 && run.from < standing[index - 1]!.from);
      if (back < 0) continue;
      const first = standing.find((run, index) => index > 0 && run.from !== standing[index - 1]!.to + 1)!;
      this.#find("reordered", first.first, first.from, 1, "does not stand where it was written");
    }
  }

  /* Lines of the chain that did not fit, and whose number is there as well. */
  #leftOver(): void {
    for (const odd of this.#byNumber.values()) {
      for (const line of odd) {
        if (this.#taken.has(line)) continue;
        const isLast = line.seq === (this.#end?.to ?? -1) + 1;
        const kind = line.isCheckpoint ? "forged-checkpoint" : isLast ? "edited" : "inserted";
        this.#find(
          kind,
          line,
          line.seq,
          1,
          isLast ? "is not what was written" : "was not written by the chain",
        );
      }
    }
  }

  readonly #taken = new Set<OddLine>();

  #takeNumbered(seq: number, before: Run | undefined, run: Run): OddLine | undefined {
    const found = (this.#byNumber.get(seq) ?? []).find(
      (odd) => !this.#taken.has(odd) && this.#isBetween(odd, before, run),
    );
    if (found) this.#taken.add(found);
    return found;
  }

  #isBetween(place: Place, before: Run | undefined, run: Run): boolean {
    return (!before || this.#compare(before.last, place) < 0) && this.#compare(place, run.first) < 0;
  }

  /** Whether the run's first line follows from one of these. True where that cannot be checked. */
  #fits(run: Run, previous: readonly string[]): boolean {
    const { bytes, hash, keyId, epoch } = run.unchecked;
    if (run.unverifiable || keyId === undefined || !this.keys.canCheck(keyId)) return true;
    const scratch = Buffer.alloc(HEADROOM + bytes.length);
    bytes.copy(scratch, HEADROOM);
    const epochs = keyId === null ? [0] : run.opening ? [epoch!] : [epoch!, epoch! + 1, epoch! - 1];
    return epochs.some((number) => {
      if (number < 0) return false;
      this.#digest.use(keyId === null ? undefined : this.keys.of(run.chain, number));
      return previous.some((head) => this.#digest.of(head, scratch, HEADROOM, scratch.length) === hash);
    });
  }

  #find(
    kind: Tampering,
    { file, line, offset }: Place,
    seq: number | null,
    count: number,
    message: string,
  ): void {
    this.findings.push({ kind, file, line, offset, chain: this.name, seq, count, message });
  }

  #compare(a: Place, b: Place): number {
    return a.file === b.file ? a.line - b.line : this.around.order(a.file) - this.around.order(b.file);
  }
}

/** `Map.groupBy`, which Node 20 does not have. */
export function groupBy<Key, Value>(
  values: Iterable<Value>,
  keyOf: (value: Value) => Key,
): Map<Key, Value[]> {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group) group.push(value);
    else groups.set(key, [value]);
  }
  return groups;
}
