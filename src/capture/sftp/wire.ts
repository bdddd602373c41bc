/**
 * Watches files being opened, read and written on one SFTP session of ssh2.
 *
 * All ways of moving a file (streams, fast transfers) come down to these three methods of the session, so what is
 * counted here is what the server was sent and has confirmed, or has sent.
 *
 * @module
 */
import { guarded } from "../../health.js";
import type { Undo } from "../capture.js";
import { replaceMethod } from "../patch.js";
import type { Meter } from "./meter.js";

/** The part of ssh2's `SFTPWrapper` that is used here. */
export interface SftpSession {
  open(path: string, flags: unknown, ...rest: unknown[]): void;
  read(handle: object, buffer: Buffer, offset: number, length: number, position: number, done: Done): void;
  write(handle: object, buffer: Buffer, offset: number, length: number, position: number, done: Done): void;
}

type Done = (error: unknown, ...results: any[]) => void;

/** An operation that moves a file. */
export interface Transfer {
  readonly moves: "read" | "write" | undefined;
  /** Asked for when a file is opened in this direction. */
  meter(): Meter;
  /** The server answered this instead. The library passes on less of it. */
  answered(error: unknown): void;
}

/** @param current - the operation that opens a file just now */
export function watchSession(session: SftpSession, current: () => Transfer | undefined): Undo {
  const meters = new WeakMap<object, Metering>();
  const sent = new WeakMap<Done, SentPiece>();
  const undos = [
    replaceMethod(session, "open", (open) => (...args: unknown[]) => {
      const transfer = current();
      const done = args.at(-1);
      if (transfer?.moves === undefined || typeof done !== "function")
        return Reflect.apply(open, session, args);
      const writing = opensForWriting(args[1]);
      const opened: Done = (error, handle: object, ...rest) => {
        guarded("capture.sftp", () => {
          if (error) transfer.answered(error);
          else if (writing === (transfer.moves === "write")) {
            meters.set(handle, { meter: transfer.meter(), transfer });
          }
        });
        Reflect.apply(done, undefined, [error, handle, ...rest]);
      };
      return Reflect.apply(open, session, [...args.slice(0, -1), opened]);
    }),
    replaceMethod(session, "read", (read) => (handle, buffer, offset, length, position, done) => {
      const metering = meters.get(handle);
      if (!metering) return Reflect.apply(read, session, [handle, buffer, offset, length, position, done]);
      metering.meter.expect(position);
      const seen = watching(metering, done, (count: number, data: Buffer) => {
        if (count > 0) metering.meter.passed(position, data.subarray(0, count));
      });
      return Reflect.apply(read, session, [handle, buffer, offset, length, position, seen]);
    }),
    replaceMethod(session, "write", (write) => (handle, buffer, offset, length, position, done) => {
      // The rest of a long piece, which ssh2 sends when the server has confirmed what comes before it.
      const begun = sent.get(done as Done);
      if (begun) guarded("capture.sftp", () => begun.confirmedUntil(offset));
      const metering = meters.get(handle);
      if (begun || !metering) {
        return Reflect.apply(write, session, [handle, buffer, offset, length, position, done]);
      }
      metering.meter.expect(position);
      const piece = new SentPiece(metering.meter, buffer, offset, position);
      const seen = watching(metering, done, () => piece.confirmedUntil(offset + length));
      sent.set(seen, piece);
      return Reflect.apply(write, session, [handle, buffer, offset, length, position, seen]);
    }),
  ];
  return () => {
    for (const undo of undos) undo();
  };
}

interface Metering {
  readonly meter: Meter;
  readonly transfer: Transfer;
}

/** Bytes of a buffer on their way to a place in a file. */
class SentPiece {
  readonly #meter: Meter;
  readonly #buffer: Buffer;
  #offset: number;
  #position: number;

  constructor(meter: Meter, buffer: Buffer, offset: number, position: number) {
    this.#meter = meter;
    this.#buffer = buffer;
    this.#offset = offset;
    this.#position = position;
  }

  confirmedUntil(offset: number): void {
    this.#meter.passed(this.#position, this.#buffer.subarray(this.#offset, offset));
    this.#position += offset - this.#offset;
    this.#offset = offset;
  }
}

/** A callback that looks first, and then does what `done` does. */
function watching({ transfer }: Metering, done: Done | undefined, look: (...results: any[]) => void): Done {
  const seen: Done = (error, ...results) => {
    guarded("capture.sftp", () => (error ? transfer.answered(error) : look(...results)));
    if (typeof done === "function") Reflect.apply(done, undefined, [error, ...results]);
  };
  // ssh2 reads its own marks on a callback, such as `_wantEOFError`.
  return Object.assign(seen, done);
}

/** Flags as Node's `fs` writes them, or as bits: SSH_FXF_READ is 1, all else changes the file. */
function opensForWriting(flags: unknown): boolean {
  return typeof flags === "number" ? (flags & ~1) !== 0 : flags !== "r";
}
