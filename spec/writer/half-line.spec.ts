import assert from "node:assert/strict";
import { appendFileSync, closeSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { LogFile } from "#dist/writer/file";
import { inFolder } from "./support.js";

/** Two writers on `a.log`, as two processes have them. */
function twoFiles(folder: string, maxBytes = 0): [LogFile, LogFile] {
  const path = join(folder, "a.log");
  const settings = { path, mode: 0o600, maxBytes, daily: false, gzip: false, keep: {} };
  const events = { retire: closeSync, rotationFailed: assert.fail };
  return [new LogFile(settings, events), new LogFile(settings, events)];
}

/** Writes lines; `amid` happens after the file was looked at, right before the `write`. */
function put(file: LogFile, text: string, amid: () => void = () => {}): void {
  const lines = Buffer.from(text);
  assert.equal(file.prepare(lines), lines.length);
  amid();
  assert.equal(file.write(lines), lines.length);
}

/** The same in as many batches as the limit of the file asks for. */
function putAll(file: LogFile, lines: readonly string[], amid: () => void): void {
  let left = Buffer.from(lines.map((line) => `${line}\n`).join(""));
  while (left.length > 0) {
    const allowed = file.prepare(left);
    amid();
    left = left.subarray(file.write(left.subarray(0, allowed)));
  }
}

/** The same, each line as one that a caller waits for: looked at afterwards by the next look at the file. */
function putEach(file: LogFile, lines: readonly string[], amid: () => void): void {
  for (const text of lines) {
    const line = Buffer.from(`${text}\n`);
    assert.equal(file.prepare(line), line.length);
    amid();
    assert.equal(file.writeLine(line), line.length);
  }
}

/** Whole numbers below a limit, the same for the same seed. */
function randomFrom(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** What stands in `a.log` and its backups, line by line. */
function linesIn(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"));
}

/** The half line of a killed writer: its last byte may have become a newline. */
const HALF = '{"half":"half"';
const isHalf = (line: string): boolean => line === HALF || line === HALF.slice(0, -1);

/** Each of `lines` stands alone, once, and nothing but half lines stands beside them. */
function assertWhole(folder: string, lines: readonly string[], halves: number): void {
  const found = linesIn(folder).filter(Boolean);
  assert.deepEqual(found.filter((line) => !isHalf(line)).toSorted(), lines.toSorted());
  assert.equal(found.filter(isHalf).length, halves);
}

describe("the half line of a writer that is killed between our look at the file and our write", () => {
  const moments: Record<string, (folder: string, path: string, half: () => void) => [string[], number]> = {
    "before our first batch, of an empty file"(folder, _path, half) {
      const [a] = twoFiles(folder);
      put(a, "a1\na2\n", half);
      return [["a1", "a2"], 1];
    },
    "before our first batch, of another's file"(folder, path, half) {
      writeFileSync(path, "old\n");
      const [a] = twoFiles(folder);
      put(a, "a1\n", half);
      return [["old", "a1"], 1];
    },
    "before our second batch, as the first sign of another writer"(folder, _path, half) {
      const [a] = twoFiles(folder);
      put(a, "a1\n");
      put(a, "a2\n", half);
      return [["a1", "a2"], 1];
    },
    "before each of many batches of two writers"(folder, _path, half) {
      const files = twoFiles(folder);
      const lines = Array.from({ length: 20 }, (_, index) => `line ${index}`);
      for (const [index, line] of lines.entries()) put(files[index % 2]!, `${line}\n`, half);
      return [lines, 20];
    },
    "after a batch of a living writer"(folder, _path, half) {
      const [a, b] = twoFiles(folder);
      put(b, "b1\n");
      put(a, "a1\n", () => {
        put(b, "b2\n");
        half();
      });
      put(b, "b3\n");
      return [["b1", "b2", "b3", "a1"], 1];
    },
    "before a batch of the other that is before ours"(folder, _path, half) {
      const [a, b] = twoFiles(folder);
      put(a, "a1\n");
      put(a, "a2\n", () => put(b, "b1\n", half));
      return [["a1", "a2", "b1"], 1];
    },
    "before our first batch after a rotation"(folder, _path, half) {
      const [a] = twoFiles(folder, 10);
      put(a, "123456789\n");
      put(a, "a2\n", half);
      return [["123456789", "a2"], 1];
    },
    "in the file that the other has just made a backup"(folder, path, half) {
      const [a, b] = twoFiles(folder);
      put(a, "a1\n");
      put(a, "a2\n", () => {
        half();
        renameSync(path, join(folder, "a-20260101T000000.000Z-00000001.log"));
        put(b, "b1\n");
      });
      put(a, "a3\n", half);
      return [["a1", "a2", "b1", "a3"], 2];
    },
  };

  for (const [when, happen] of Object.entries(moments)) {
    it(`is not glued to a line of ours: ${when}`, () =>
      inFolder((folder) => {
        const path = join(folder, "a.log");
        const [lines, halves] = happen(folder, path, () => appendFileSync(path, HALF));
        assertWhole(folder, lines, halves);
      }));
  }

  it("is not glued to a line of ours at any moment of random ones, rotations among them", () =>
    inFolder((parent) => {
      for (let seed = 1; seed <= 50; seed += 1) {
        const folder = join(parent, String(seed));
        const files = [...twoFiles(folder, 120), ...twoFiles(folder, 120)];
        const random = randomFrom(seed);
        const lines: string[] = [];
        let halves = 0;
        const path = join(folder, "a.log");
        const step = (file: LogFile, depth: number): void => {
          const batch = Array.from(
            { length: 1 + random(3) },
            (_, index) => `${seed} ${lines.length + index}`,
          );
          lines.push(...batch);
          const way = random(2) === 0 ? putAll : putEach;
          way(file, batch, () => {
            for (let left = random(3); left > 0; left -= 1) {
              const others = files.filter((each) => each !== file);
              if (random(2) === 0 && depth > 0) step(others[random(others.length)]!, 0);
              else {
                appendFileSync(path, HALF.slice(0, 1 + random(HALF.length)));
                halves += 1;
              }
            }
          });
        };
        for (let steps = 0; steps < 40; steps += 1) step(files[random(4)]!, 1);
        for (const file of files) file.settle();
        const found = linesIn(folder).filter(Boolean);
        assert.deepEqual(
          found.filter((line) => line.startsWith(`${seed} `)).toSorted(),
          lines.toSorted(),
          `seed ${seed}`,
        );
        const others = found.filter((line) => !line.startsWith(`${seed} `));
        // Half lines may follow one another: those are glued, which harms nobody.
        assert.ok(others.length <= halves && others.every((line) => !/\d/u.test(line)), `seed ${seed}`);
      }
    }));

  it("does not stay glued to a line that its caller waits for", () =>
    inFolder((folder) => {
      const [a, b] = twoFiles(folder);
      const half = (): void => appendFileSync(join(folder, "a.log"), HALF);
      putEach(a, ["a1", "a2"], half);
      put(b, "b1\n", half);
      a.settle();
      assertWhole(folder, ["a1", "a2", "b1"], 3);
    }));

  it("does not make us touch another's line that ends as ours does", () =>
    inFolder((folder) => {
      const [a, b] = twoFiles(folder);
      put(a, "x\n", () => {
        put(b, "yx\n");
        put(b, "zx\n");
      });
      assert.deepEqual(linesIn(folder), ["yx", "zx", "x", ""]);
    }));

  it("leaves no empty line where nothing was killed", () =>
    inFolder((folder) => {
      const files = twoFiles(folder, 40);
      for (let n = 0; n < 50; n += 1) put(files[n % 2]!, `${n}\n`, () => put(files[(n + 1) % 2]!, `b${n}\n`));
      const found = linesIn(folder);
      assert.equal(found.filter(Boolean).length, 100);
      assert.equal(found.length, 100 + readdirSync(folder).length, "the end of each file is the only one");
    }));
});
