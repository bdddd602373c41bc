/**
 * Copies a text and sees on the way whether it needs more than that: two bytes at a time, with nothing but one look into a table.
 *
 * @module
 */

/** What is in a text. */
export const Has = {
  /** What JSON writes with a backslash, or what is not ASCII. */
  ESCAPED: 1,
  /** What can be the sign of a name with its value, as `SIGNS` says; more than it rather than less. */
  SIGN: 2,
} as const;

/** By two bytes as one number, the first one low. */
const PAIRS = new Uint8Array(1 << 16);
for (let pair = 0; pair < PAIRS.length; pair += 1)
  PAIRS[pair] = bitsOf(pair & 255) | bitsOf(pair >> 8, pair & 255);

function bitsOf(code: number, before?: number): number {
  if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return Has.ESCAPED | Has.SIGN;
  const character = String.fromCharCode(code);
  // A time of day.
  if (character === ":" && before !== undefined && before >= 0x30 && before <= 0x39) return 0;
  return "=<'%:".includes(character) ? Has.SIGN : 0;
}

/** @returns bits of `Has` */
export function copyText(from: DataView, start: number, end: number, into: DataView, to: number): number {
  let bits = 0;
  let at = start;
  let put = to;
  for (; at + 1 < end; at += 2, put += 2) {
    const pair = from.getUint16(at, true);
    into.setUint16(put, pair, true);
    bits |= PAIRS[pair]!;
  }
  if (at < end) {
    const byte = from.getUint8(at);
    into.setUint8(put, byte);
    // Above a blank, which says nothing.
    bits |= PAIRS[byte | 0x2000]!;
  }
  return bits;
}
