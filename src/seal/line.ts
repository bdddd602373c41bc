/**
 * The end of a sealed line: `,"chain":"…","seq":N,"hash":"…"}`. Read from the back, since what stands before it
 * may be anything.
 *
 * @module
 */

/** Hex digits of a chain's name. */
export const CHAIN_DIGITS = 16;
/** Hex digits of a hash. */
export const HASH_DIGITS = 64;
/** What stands as the previous hash before the first line of a chain. */
export const NO_HASH = "0".repeat(HASH_DIGITS);

const CHAIN_KEY = ',"chain":"';
const SEQ_KEY = '","seq":';
const HASH_KEY = ',"hash":"';
const END = '"}';
const HASH_END = HASH_KEY.length + HASH_DIGITS + END.length;
/** Most digits of a number that is exact. */
const MAX_SEQ_DIGITS = 16;
/** Most bytes that a seal adds to a line. */
export const MAX_SEAL_BYTES = CHAIN_KEY.length + CHAIN_DIGITS + SEQ_KEY.length + MAX_SEQ_DIGITS + HASH_END;

const [QUOTE, BRACE, OPEN, COLON, ZERO, NINE] = [34, 125, 123, 58, 48, 57];

/** A line's seal, as it claims it. */
export interface Seal {
  readonly chain: string;
  readonly seq: number;
  readonly hash: string;
  /** Where the hashed bytes end, in the buffer that was read. */
  readonly hashedUntil: number;
}

/** What goes before the hash on a line of which `bytes[start..end)` is all but the closing brace. */
export function sealHead(chain: string, seq: number, isEmpty: boolean): string {
  return `${isEmpty ? CHAIN_KEY.slice(1) : CHAIN_KEY}${chain}${SEQ_KEY}${seq}`;
}

/** What ends the line, without its newline. */
export function sealEnd(hash: string): string {
  return `${HASH_KEY}${hash}${END}`;
}

/** The seal at the end of the line `bytes[start..end)`, without its newline; `undefined` if there is none. */
export function readSeal(bytes: Buffer, start: number, end: number): Seal | undefined {
  const hashKey = end - HASH_END;
  // `{"chain":"` … is the shortest: a record without a field of its own.
  if (hashKey - start < CHAIN_KEY.length + CHAIN_DIGITS + SEQ_KEY.length + 1) return undefined;
  if (bytes[end - 1] !== BRACE || bytes[end - 2] !== QUOTE || !matches(bytes, hashKey, HASH_KEY))
    return undefined;
  let digits = hashKey;
  const least = Math.max(start, hashKey - MAX_SEQ_DIGITS);
  while (digits > least && isDigit(bytes[digits - 1]!)) digits -= 1;
  if (digits === hashKey || bytes[digits - 1] !== COLON) return undefined;
  const chainAt = digits - SEQ_KEY.length - CHAIN_DIGITS;
  const keyAt = chainAt - CHAIN_KEY.length + 1;
  if (keyAt <= start || !matches(bytes, digits - SEQ_KEY.length, SEQ_KEY)) return undefined;
  if (!matches(bytes, keyAt, CHAIN_KEY.slice(1)) || bytes[start] !== OPEN) return undefined;
  const chain = bytes.toString("latin1", chainAt, chainAt + CHAIN_DIGITS);
  const seq = seqOf(bytes, digits, hashKey);
  return {
    chain,
    seq,
    hash: bytes.toString("latin1", hashKey + HASH_KEY.length, end - END.length),
    hashedUntil: hashKey,
  };
}

function seqOf(bytes: Buffer, from: number, to: number): number {
  let value = 0;
  for (let at = from; at < to; at += 1) value = value * 10 + bytes[at]! - ZERO;
  return value;
}

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= NINE;
}

function matches(bytes: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}
