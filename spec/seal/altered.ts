/**
 * Sealed directories in memory, and all the ways in which they are altered at random. Each alteration says what it did,
 * independently of what a verifier makes of it.
 *
 * @module
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";

export interface Expected {
  readonly kind: string;
  /** Without a file: the alteration leaves no line that it could be named by. */
  readonly file?: string;
  /** Any of these. */
  readonly lines?: readonly number[];
}

interface Line {
  readonly text: string;
  readonly chain: string;
  readonly seq: number;
  readonly isCheckpoint: boolean;
}

export type Random = (below: number) => number;

/** Numbers that depend on the seed alone. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

export class SealedDirectory {
  readonly files = new Map<string, string[]>();
  readonly #others = new Map<string, Buffer>();

  static read(folder: string): SealedDirectory {
    const directory = new SealedDirectory();
    for (const name of readdirSync(folder)) {
      const bytes = readFileSync(join(folder, name));
      if (!/\.log(\.gz)?$/u.test(name)) directory.#others.set(name, bytes);
      else {
        const text = (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString();
        directory.files.set(name, text.split("\n"));
      }
    }
    return directory;
  }

  copy(): SealedDirectory {
    const copy = new SealedDirectory();
    for (const [name, lines] of this.files) copy.files.set(name, [...lines]);
    for (const [name, bytes] of this.#others) copy.#others.set(name, bytes);
    return copy;
  }

  write(folder: string): void {
    for (const [name, bytes] of this.#others) writeFileSync(join(folder, name), bytes);
    for (const [name, lines] of this.files) {
      const text = lines.join("\n");
      writeFileSync(join(folder, name), name.endsWith(".gz") ? gzipSync(text, { level: 1 }) : text);
    }
  }

  forgetRegister(): void {
    this.#others.delete(".activity-audit.seal");
  }
}

export function read(text: string): Line | undefined {
  const found = /"chain":"([0-9a-f]{16})","seq":(\d+),"hash":"[0-9a-f]{64}"\}$/u.exec(text);
  if (!found) return undefined;
  return {
    text,
    chain: found[1]!,
    seq: Number(found[2]),
    isCheckpoint: text.includes('"event_type":"CHECKPOINT"'),
  };
}

type Alteration = (directory: SealedDirectory, random: Random) => Expected | undefined;

/** A sealed line, not the first of its chain in the file. */
function pick(directory: SealedDirectory, random: Random, wanted: (line: Line) => boolean) {
  const names = [...directory.files.keys()].filter((name) => directory.files.get(name)!.length > 4);
  const file = names[random(names.length)]!;
  const lines = directory.files.get(file)!;
  const found = lines.flatMap((text, index) => {
    const line = read(text);
    return line && wanted(line) ? [{ file, lines, index, line }] : [];
  });
  return found.length > 0 ? found[random(found.length)] : undefined;
}

function edit(change: (line: Line, random: Random) => string | undefined, checkpoints = false): Alteration {
  return (directory, random) => {
    const at = pick(directory, random, ({ isCheckpoint }) => isCheckpoint === checkpoints);
    const text = at && change(at.line, random);
    if (!at || text === undefined || text === at.line.text) return undefined;
    at.lines[at.index] = text;
    const kind = checkpoints ? "forged-checkpoint" : "edited";
    return { kind, file: at.file, lines: [at.index + 1] };
  };
}

function otherDigit(digit: string, random: Random): string {
  return "0123456789abcdef".replace(digit, "")[random(15)]!;
}

function replaceAt(text: string, at: number, by: string): string {
  return text.slice(0, at) + by + text.slice(at + 1);
}

/** The next line of the same chain after `index`; -1 if there is none in the file. */
function nextOf(lines: readonly string[], chain: string, index: number): number {
  return lines.findIndex((text, at) => at > index && read(text)?.chain === chain);
}

export const ALTERATIONS: Record<string, Alteration> = {
  "a byte of the record": edit(({ text }, random) => {
    const at = text.indexOf('"n":') + 4;
    return replaceAt(text, at, String((Number(text[at]) + 1 + random(8)) % 10));
  }),
  "a byte of the hash": edit(({ text }, random) => {
    const at = text.length - 3 - random(64);
    return replaceAt(text, at, otherDigit(text[at]!, random));
  }),
  "the number": edit(({ text, seq }, random) =>
    text.replace(`"seq":${seq},`, `"seq":${seq + 1 + random(3)},`),
  ),
  "the chain's name": edit(({ text, chain }, random) => {
    const at = text.lastIndexOf(chain) + random(16);
    return replaceAt(text, at, otherDigit(text[at]!, random));
  }),
  "the seal taken off": edit(({ text }) => `${text.slice(0, text.lastIndexOf(',"chain":'))}}`),
  "half of the seal taken off": edit(({ text }) => text.slice(0, -20)),
  "a byte of a checkpoint": edit(({ text }, random) => {
    const at = text.indexOf('"timestamp":"') + 13 + random(4);
    return replaceAt(text, at, String((Number(text[at]) + 1 + random(8)) % 10));
  }, true),
  "a checkpoint's head": edit(({ text }) => {
    const at = text.indexOf('"head":{"seq":');
    return at < 0 ? undefined : replaceAt(text, at + 14, text[at + 14] === "9" ? "8" : "9");
  }, true),
  "lines deleted"(directory, random) {
    const at = pick(directory, random, () => true);
    if (!at) return undefined;
    const count = 1 + random(4);
    const gone = at.lines.slice(at.index, at.index + count).map(read);
    const chains = new Set(gone.map((line) => line?.chain));
    // A chain that has no line before and after in this file would be one for other alterations.
    const around = [...chains].map((chain) => ({
      before: at.lines.findIndex((text, index) => index < at.index && read(text)?.chain === chain),
      after: chain === undefined ? -1 : nextOf(at.lines, chain, at.index + count - 1),
    }));
    if (around.some(({ before, after }) => before < 0 || after < 0)) return undefined;
    at.lines.splice(at.index, count);
    const first = Math.min(...around.map(({ after }) => after - count));
    return { kind: "deleted", file: at.file, lines: [first + 1] };
  },
  "the first lines of a file deleted"(directory, random) {
    const at = pick(directory, random, () => true);
    const first = at && read(at.lines[0]!);
    if (!at || !first || first.seq === 0) return undefined;
    at.lines.splice(0, 1);
    const next = nextOf(at.lines, first.chain, -1);
    return next < 0 ? undefined : { kind: "deleted", file: at.file, lines: [next + 1] };
  },
  "a record inserted"(directory, random) {
    const at = pick(directory, random, () => true);
    if (!at) return undefined;
    at.lines.splice(
      at.index,
      0,
      '{"timestamp":"2026-01-01 00:00:00.000","level":"API","name":"audit.request","n":1}',
    );
    return { kind: "inserted", file: at.file, lines: [at.index + 1] };
  },
  "a line repeated later"(directory, random) {
    const at = pick(directory, random, ({ isCheckpoint }) => !isCheckpoint);
    if (!at) return undefined;
    const to = at.index + 1 + random(at.lines.length - at.index - 1);
    at.lines.splice(to, 0, at.line.text);
    return { kind: "inserted", file: at.file, lines: [to + 1] };
  },
  "a line made up, with a seal of random digits"(directory, random) {
    const at = pick(directory, random, ({ isCheckpoint }) => !isCheckpoint);
    if (!at) return undefined;
    const text = at.line.text.replace(/"n":\d+/u, '"n":77777').slice(0, -20) + "a".repeat(18) + '"}';
    at.lines.splice(at.index, 0, text);
    return { kind: "inserted", file: at.file, lines: [at.index + 1] };
  },
  "neighbours swapped"(directory, random) {
    const at = pick(directory, random, ({ isCheckpoint }) => !isCheckpoint);
    const other = at && read(at.lines[at.index + 1] ?? "");
    if (!at || !other || other.chain !== at.line.chain || other.isCheckpoint) return undefined;
    at.lines[at.index] = other.text;
    at.lines[at.index + 1] = at.line.text;
    return { kind: "reordered", file: at.file, lines: [at.index + 1] };
  },
  "a line moved"(directory, random) {
    const at = pick(directory, random, ({ isCheckpoint }) => !isCheckpoint);
    if (!at) return undefined;
    const to = at.index + 2 + random(20);
    const passed = at.lines.slice(at.index + 1, to + 1).map(read);
    const own = passed.findIndex((line) => line?.chain === at.line.chain);
    if (own < 0 || to >= at.lines.length - 1 || passed.some((line) => line?.isCheckpoint)) return undefined;
    at.lines.splice(to + 1, 0, at.line.text);
    at.lines.splice(at.index, 1);
    return { kind: "reordered", file: at.file, lines: [at.index + own + 1] };
  },
  "the end of a backup cut off"(directory, random) {
    const at = pick(directory, random, () => true);
    if (!at || !/-\d{8}T/u.test(at.file) || at.index < 3) return undefined;
    return cut(at.file, at.lines, at.lines.length - 1 - (1 + random(3)));
  },
  "the end of the trail cut off"(directory, random) {
    const file = "api.log";
    const lines = directory.files.get(file)!;
    return cut(file, lines, Math.max(lines.length - 1 - (1 + random(5)), 1), random(2) === 0 ? 40 : 0);
  },
  "a backup deleted"(directory, random) {
    const at = pick(directory, random, () => true);
    if (!at || !/-\d{8}T/u.test(at.file)) return undefined;
    const chains = new Set(at.lines.map((text) => read(text)?.chain));
    directory.files.delete(at.file);
    // The rest of such a chain is in other files, or nothing is.
    return chains.size > 0 ? { kind: "missing-file" } : undefined;
  },
  "the file that was written last deleted"(directory) {
    directory.files.delete("api.log");
    return { kind: "missing-file" };
  },
};

/* Cuts lines off, and leaves `half` bytes of the first of them. */
function cut(file: string, lines: string[], keep: number, half = 0): Expected | undefined {
  const gone = lines
    .slice(keep)
    .map(read)
    .filter((line) => line !== undefined);
  const chains = new Set(gone.map(({ chain }) => chain));
  const last = [...chains].map((chain) =>
    lines.slice(0, keep).findLastIndex((text) => read(text)?.chain === chain),
  );
  // All that a chain has in the file would be gone: that is a missing file, for this chain.
  if (gone.length === 0 || last.some((index) => index < 0)) return undefined;
  const rest = lines[keep]!.slice(0, half);
  lines.splice(keep, Infinity, rest);
  return { kind: "truncated", file, lines: last.map((index) => index + 1) };
}
