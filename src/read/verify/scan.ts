/**
 * One file, line by line: which lines of each chain follow one another, and which fit nowhere. What comes before a
 * file's first line of a chain is not known here; the files are put together afterwards.
 *
 * @module
 */
import type { KeyObject } from "node:crypto";
import { HEADROOM, LineDigest } from "../../seal/digest.js";
import { readSeal, type Seal } from "../../seal/line.js";
import { claimsCheckpoint, claimsRetention, readRetention } from "../../seal/retention.js";
import type { Line } from "../lines.js";
import { faultOf, readDetails, timeOf } from "./checkpoint.js";
import type { ChainKeys } from "./keys.js";
import type { FileScan, OddLine, Place, Run } from "./types.js";

const CLOSE = 125;
/** Lines of one file that do not fit; who edited all of a file need not be told of each. */
const MAX_ODD = 10_000;
/** So many checkpoints may be among lines that are missing, and the lines after them can still be checked. */
const LOST_CHECKPOINTS = 8;

/** What is known of a chain, at a line of the file. */
interface ChainState {
  run: Run;
  /** Undefined: it is not known which key the lines are hashed with, until the next checkpoint. */
  epoch: number | undefined;
  keyId: string | null;
}

export class FileScanner {
  readonly scan: FileScan;
  readonly #chains = new Map<string, ChainState>();
  readonly #digest = new LineDigest();
  #digestOf = "";
  #scratch = Buffer.allocUnsafeSlow(1 << 16);

  constructor(
    path: string,
    log: string,
    private readonly keys: ChainKeys,
    private readonly publicKey: KeyObject | undefined,
  ) {
    this.scan = {
      path,
      log,
      lines: 0,
      sealed: 0,
      halfLines: 0,
      runs: [],
      odd: [],
      checkpoints: [],
      retired: [],
      glued: [],
    };
  }

  add(line: Line): void {
    const { bytes } = line;
    this.scan.lines += 1;
    if (bytes.length === 0) return;
    const seal = readSeal(bytes, 0, bytes.length);
    if (!seal) return this.#unsealed(line);
    this.scan.sealed += 1;
    const state = this.#chains.get(seal.chain);
    if (!state || seal.seq !== state.run.to + 1) return this.#begin(line, seal, state);
    const isCheckpoint = claimsCheckpoint(bytes);
    if (state.epoch !== undefined && !this.#follows(line, seal, state)) return;
    const previous = state.run.head;
    state.run.to = seal.seq;
    state.run.head = seal.hash;
    // Made when it is asked for: most lines are not the last.
    state.run.last = line as unknown as Place;
    if (isCheckpoint) this.#checkpoint(line, seal, state, previous);
    else if (claimsRetention(bytes)) this.#retention(bytes);
  }

  /** Ends the scan; the last lines of the runs get their places. */
  end(): FileScan {
    for (const run of this.scan.runs) run.last = this.#at(run.last as unknown as Line);
    return this.scan;
  }

  /* A chain's first line here, or one that does not come next. */
  #begin(line: Line, seal: Seal, before: ChainState | undefined): void {
    const isCheckpoint = claimsCheckpoint(line.bytes);
    const details = isCheckpoint ? readDetails(line.bytes) : undefined;
    const keyId = details ? details.key_id : before?.keyId;
    const epoch = details ? details.epoch : before?.epoch;
    const canCheck = keyId === undefined || (this.keys.canCheck(keyId, epoch) && epoch! <= seal.seq);
    const run: Run = {
      chain: seal.chain,
      from: seal.seq,
      to: seal.seq,
      head: seal.hash,
      first: this.#at(line),
      last: line as unknown as Place,
      opening: details !== undefined,
      unchecked: {
        bytes: Buffer.from(line.bytes.subarray(0, seal.hashedUntil)),
        hash: seal.hash,
        keyId,
        epoch,
      },
      fileNumber: before?.run.fileNumber,
      unverifiable: !canCheck,
    };
    const state = { run, epoch: canCheck && keyId !== undefined ? epoch : undefined, keyId: keyId ?? null };
    this.scan.runs.push(run);
    this.#chains.set(seal.chain, state);
    if (details) this.#checkpoint(line, seal, state);
  }

  /** Whether the line's hash is right; if not, it is noted. */
  #follows(line: Line, seal: Seal, state: ChainState): boolean {
    const { run } = state;
    const hash = this.#hashOf(line.bytes, 0, seal, state);
    if (hash === seal.hash) return true;
    if (run.from === run.to && !run.opening && this.#findEpoch(line, seal, state)) return true;
    const glued = this.#gluedAt(line.bytes, seal, state);
    if (glued) {
      this.scan.halfLines += 1;
      this.scan.glued.push(`${seal.chain} ${seal.seq} ${seal.hash}`);
      return true;
    }
    this.#odd(line, seal, "hash", hash);
    return false;
  }

  /* After a gap the key may be a later one, if there were checkpoints in it. */
  #findEpoch(line: Line, seal: Seal, state: ChainState): boolean {
    if (state.keyId === null) return false;
    const before = state.epoch!;
    for (let ahead = 1; ahead <= LOST_CHECKPOINTS; ahead += 1) {
      state.epoch = before + ahead;
      if (this.#hashOf(line.bytes, 0, seal, state) === seal.hash) return true;
    }
    state.epoch = before;
    return false;
  }

  #hashOf(bytes: Buffer, start: number, seal: Seal, { run, epoch, keyId }: ChainState): string {
    const length = seal.hashedUntil - start;
    if (this.#scratch.length < HEADROOM + length)
      this.#scratch = Buffer.allocUnsafeSlow(HEADROOM + length * 2);
    bytes.copy(this.#scratch, HEADROOM, start, seal.hashedUntil);
    const use = keyId === null ? "" : `${seal.chain} ${epoch}`;
    if (use !== this.#digestOf) {
      this.#digest.use(keyId === null ? undefined : this.keys.of(seal.chain, epoch!));
      this.#digestOf = use;
    }
    return this.#digest.of(run.head, this.#scratch, HEADROOM, HEADROOM + length);
  }

  /* Whether a line of the writer begins somewhere in this one, after the half line of another. */
  #gluedAt(bytes: Buffer, seal: Seal, state: ChainState): boolean {
    for (let at = bytes.indexOf('{"', 1); at > 0 && at < seal.hashedUntil; at = bytes.indexOf('{"', at + 1)) {
      if (this.#hashOf(bytes, at, seal, state) === seal.hash) return true;
    }
    return false;
  }

  #checkpoint(line: Line, seal: Seal, state: ChainState, previous?: string): void {
    const details = readDetails(line.bytes);
    this.scan.checkpoints.push({
      ...this.#at(line),
      chain: seal.chain,
      seq: seal.seq,
      hash: seal.hash,
      at: timeOf(line.bytes),
      fileNumber: details?.file ?? 0,
      reason: details?.reason ?? "",
      links: details?.links ?? [],
      keyId: details?.key_id ?? null,
      epoch: details?.epoch ?? 0,
      log: details?.start?.log,
      unsealedBefore: details?.start?.unsealed_before ?? 0,
      wrong: details ? faultOf(line.bytes, details, seal, previous, this.publicKey) : "it cannot be read",
    });
    if (!details) return;
    state.run.fileNumber = details.file;
    state.keyId = details.key_id;
    state.epoch = this.keys.canCheck(details.key_id, details.epoch + 1) ? details.epoch + 1 : undefined;
  }

  #retention(bytes: Buffer): void {
    const retention = readRetention(bytes);
    if (retention) this.scan.retired.push(retention);
  }

  #unsealed(line: Line): void {
    const why = isJson(line.bytes) ? "unsealed" : "half";
    if (why === "half") this.scan.halfLines += 1;
    this.#odd(line, undefined, why);
  }

  #odd(line: Line, seal: Seal | undefined, why: OddLine["why"], computed?: string): void {
    if (this.scan.odd.length >= MAX_ODD) return;
    this.scan.odd.push({
      ...this.#at(line),
      chain: seal?.chain ?? null,
      seq: seal?.seq ?? null,
      hashes: [seal?.hash, computed].filter((hash) => hash !== undefined),
      why,
      isCheckpoint: claimsCheckpoint(line.bytes),
    });
  }

  #at({ number, offset }: Line): Place {
    return { file: this.scan.path, line: number, offset };
  }
}

function isJson(bytes: Buffer): boolean {
  if (bytes[bytes.length - 1] !== CLOSE) return false;
  try {
    JSON.parse(bytes.toString());
    return true;
  } catch {
    return false;
  }
}
