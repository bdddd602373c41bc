/**
 * Lines → sealed lines.
 *
 * @module
 */
import { HEADROOM, LineDigest } from "../../seal/digest.js";
import { HASH_DIGITS, MAX_SEAL_BYTES, sealEnd, sealHead } from "../../seal/line.js";
import type { ChainMemory, ChainState } from "./memory.js";

const NEWLINE = 10;
const [OPEN, CLOSE] = [123, 125];
/** Bytes after the hash on a line: quote, brace, newline. */
const AFTER_HASH = 3;

/* One of each is enough for all files of a thread: what they hold is used up before the next batch. */
const digest = new LineDigest();
let scratch = Buffer.allocUnsafeSlow(1 << 14);
let out: Buffer = Buffer.allocUnsafeSlow(1 << 16);

/** Whole lines, sealed as the next of the chain. The buffer is used again by the next call. */
export function sealLines(lines: Buffer, chain: string, memory: ChainMemory, keyed: boolean): Buffer {
  const state = memory.read();
  let { seq, head } = state;
  let length = 0;
  digest.use(keyed ? memory.key : undefined);
  for (let start = 0; start < lines.length; seq += 1) {
    const end = lines.indexOf(NEWLINE, start);
    const text = put(lines, start, end);
    const isEmpty = text === 1;
    const hashedEnd =
      HEADROOM + text + scratch.write(sealHead(chain, seq, isEmpty), HEADROOM + text, "latin1");
    head = digest.of(head, scratch, HEADROOM, hashedEnd);
    const sealed = hashedEnd - HEADROOM;
    if (out.length < length + sealed + MAX_SEAL_BYTES) out = grown(out, length + sealed + MAX_SEAL_BYTES);
    scratch.copy(out, length, HEADROOM, hashedEnd);
    length += sealed;
    length += out.write(sealEnd(head), length, "latin1");
    out[length] = NEWLINE;
    length += 1;
    start = end + 1;
  }
  if (keyed) forgetKey();
  return out.subarray(0, length);
}

/* Copies a line without its closing brace to where it is hashed; gives its length there. */
function put(lines: Buffer, start: number, end: number): number {
  if (lines[start] === OPEN && lines[end - 1] === CLOSE) {
    makeRoom(end - start);
    return lines.copy(scratch, HEADROOM, start, end - 1);
  }
  // A layout of the user's: not JSON, so that a seal could not be read from it.
  const wrapped = Buffer.from(JSON.stringify({ message: lines.toString("utf8", start, end) }));
  makeRoom(wrapped.length);
  return wrapped.copy(scratch, HEADROOM, 0, wrapped.length - 1);
}

function makeRoom(bytes: number): void {
  const need = HEADROOM + bytes + MAX_SEAL_BYTES;
  if (scratch.length >= need) return;
  scratch.fill(0, 0, HEADROOM);
  scratch = Buffer.allocUnsafeSlow(need * 2);
}

function grown(buffer: Buffer, need: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(need, buffer.length * 2));
  buffer.copy(larger);
  return larger;
}

/* The pads of the key stand before the line that was hashed last. */
function forgetKey(): void {
  digest.use(undefined);
  scratch.fill(0, 0, HEADROOM);
}

/** The state after sealed lines `bytes`, which are whole and the next of the chain. */
export function stateAfter(state: ChainState, bytes: Buffer, count: number): ChainState {
  const hashEnd = bytes.length - AFTER_HASH;
  return {
    ...state,
    seq: state.seq + count,
    since: state.since + count,
    head: bytes.toString("latin1", hashEnd - HASH_DIGITS, hashEnd),
  };
}
