import assert from "node:assert/strict";
import fc from "fast-check";

/**
 * Random events, each as the short way and as the long way make its record: the short way says the same, in one line, or
 * leaves it to the other.
 *
 * @param least - so large a part of them is made by the short way
 */
export function assertSaysTheSame<Event>(
  what: string,
  random: fc.Arbitrary<Event>,
  short: (event: Event) => string | undefined,
  long: (event: Event) => unknown,
  least: number,
): void {
  const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 10_000);
  const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
  console.log(`${what}: ${runs} records, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
  let made = 0;
  fc.assert(
    fc.property(random, (event) => {
      const line = short(event);
      if (line === undefined) return;
      made += 1;
      assert.doesNotMatch(line, /[\r\n]/u);
      assert.deepEqual(JSON.parse(line), long(event));
    }),
    { numRuns: runs, seed },
  );
  assert.ok(made > runs * least && made < runs, `${made} of ${runs} were made`);
}
