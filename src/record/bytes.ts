/**
 * Bytes that grow, for lines that are made one after the other.
 *
 * @module
 */

const FIRST = 1 << 16;

export class Bytes {
  buffer = Buffer.allocUnsafeSlow(FIRST);
  /** Of the same bytes. */
  view = viewOf(this.buffer);
  /** How many are in use; who writes at the end has asked for room with `reserve`. */
  length = 0;

  /** Makes room for so many more. After it `buffer` and `view` may be others. */
  reserve(more: number): void {
    const needed = this.length + more;
    if (this.buffer.length >= needed) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.buffer.length, needed));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
    this.view = viewOf(larger);
  }

  add(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
  }

  /** @returns how many bytes of UTF-8 it has */
  addText(text: string): number {
    // Most bytes that one UTF-16 unit can become.
    this.reserve(text.length * 3);
    const written = this.buffer.write(text, this.length);
    this.length += written;
    return written;
  }

  addByte(byte: number): void {
    this.reserve(1);
    this.buffer[this.length] = byte;
    this.length += 1;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Buffer): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
