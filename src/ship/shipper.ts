/**
 * Brings a spool to a server: at least once, in batches, however often the server is away.
 *
 * One process at a time ships a spool, under a lock; when it dies another one takes over. A file that was
 * acknowledged whole is deleted. What the server does not take stays on the disk, up to a limit: beyond it the oldest
 * files are given up, which is told.
 *
 * @module
 */
import { setTimeout as pause } from "node:timers/promises";
import { type HeldLock, takeLock } from "../writer/lock.js";
import type { Server } from "./clickhouse.js";
import { Positions } from "./positions.js";
import type { ShipNews, ShipSettings } from "./protocol.js";
import { countLines, type Dropped, unsentOf } from "./room.js";
import { discard, isUnchanged, readLines, type SpoolFile, spoolFiles } from "./spool.js";

const FIRST_RETRY_MS = 250;
/** A batch, and a pause after one that failed, can take longer than a lock stands unattended. */
const KEEP_MS = 3000;

export class Shipper {
  readonly #stopping = new AbortController();
  readonly #giveUp = new AbortController();
  #running: Promise<void> | undefined;
  #lock: HeldLock | undefined;
  #positions: Positions | undefined;
  #retryMs = FIRST_RETRY_MS;
  #sent = 0;
  #dropped = 0;
  #lastError: string | null = null;
  /** As of the last look that succeeded. */
  #waitingBytes = 0;
  #keeping: NodeJS.Timeout | undefined;
  /** What was sent and not answered. The server knows it again only if it is sent as it was, whatever was appended since. */
  #unanswered: { readonly inode: number; readonly from: number; readonly bytes: number } | undefined;

  /** @param isTold - resolves true when a record tells of what will be given up; false: it must stay */
  constructor(
    private readonly settings: ShipSettings,
    private readonly server: Server,
    private readonly tell: (news: ShipNews) => void,
    private readonly isTold: (dropped: Dropped) => Promise<boolean>,
  ) {}

  /** Ships until `stop` is called. */
  start(): void {
    this.#keeping = setInterval(() => this.#keep(), KEEP_MS).unref();
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      await this.#round();
      await this.#rest();
    }
  }

  /** Sends what is there, and resolves; after `withinMs` the rest stays for the next process. */
  async stop(withinMs: number): Promise<void> {
    const { signal } = this.#giveUp;
    const deadline = setTimeout(() => this.#giveUp.abort(), withinMs);
    this.#stopping.abort();
    await this.#running;
    while (!signal.aborted) {
      await this.#round();
      if (!this.#lock || this.#waitingBytes === 0) break;
      await pause(this.#retryMs, undefined, { signal }).catch(() => {});
    }
    clearTimeout(deadline);
    clearInterval(this.#keeping);
    this.#lock?.release();
    this.#lock = undefined;
    await this.server.close();
  }

  async #round(): Promise<void> {
    try {
      if (this.#mayShip()) {
        await this.#makeRoom();
        for (const file of this.#files()) await this.#ship(file);
      }
      this.#lastError = null;
      this.#retryMs = FIRST_RETRY_MS;
    } catch (error) {
      this.#lastError = messageOf(error);
      this.#retryMs = Math.min(this.#retryMs * 2, this.settings.maxRetryMs);
    }
    try {
      this.#waitingBytes = this.#waiting();
    } catch (error) {
      this.#lastError ??= messageOf(error);
    }
    this.tell({
      kind: "state",
      state: {
        sent: this.#sent,
        dropped: this.#dropped,
        waiting_bytes: this.#waitingBytes,
        last_error: this.#lastError,
      },
    });
  }

  /* Whole files, the oldest first, and none that somebody still appends to. Told before it is done: a crash between the
     two tells of a loss that was none, and never the other way round. */
  async #makeRoom(): Promise<void> {
    const positions = this.#positions!;
    let excess = this.#waiting() - this.settings.maxSpoolBytes;
    for (const file of this.#files()) {
      if (excess <= 0 || !file.isSettled) return;
      const from = positions.of(file.inode);
      const { toldBefore, ...dropped } = unsentOf(file, from);
      if (dropped.count > 0 && !(await this.isTold(dropped))) return;
      if (!isUnchanged(file)) return;
      this.#dropped += dropped.count - toldBefore;
      discard(file, () => positions.forget(file.inode));
      excess -= file.size - from;
    }
  }

  async #ship(file: SpoolFile): Promise<void> {
    const positions = this.#positions!;
    // Shorter than what was sent: somebody has truncated it, and it holds other lines now.
    if (positions.of(file.inode) > file.size) positions.set(file.inode, 0);
    for (;;) {
      const from = positions.of(file.inode);
      const again = this.#unanswered?.inode === file.inode && this.#unanswered.from === from;
      const lines = readLines(file, from, again ? this.#unanswered!.bytes : this.settings.batchBytes);
      if (lines.length === 0) break;
      this.#unanswered = { inode: file.inode, from, bytes: lines.length };
      await this.server.send(lines, this.#giveUp.signal);
      this.#unanswered = undefined;
      this.#lock?.keep();
      this.#sent += countLines(lines);
      positions.set(file.inode, from + lines.length);
    }
    // Since it was looked at, as long may have gone by as the server took.
    if (file.isSettled && positions.of(file.inode) === file.size && isUnchanged(file))
      discard(file, () => positions.forget(file.inode));
  }

  #files(): SpoolFile[] {
    const files = spoolFiles(this.settings.spool, Date.now());
    this.#positions?.keepOnly(new Set(files.map(({ inode }) => inode)));
    return files;
  }

  #keep(): void {
    try {
      this.#lock?.keep();
    } catch {
      // Taken away at this moment: the next round finds out.
    }
  }

  #mayShip(): boolean {
    if (this.#lock?.keep()) return true;
    this.#lock = takeLock(`${this.settings.spool}.ship.lock`);
    // Read anew: another process may have shipped meanwhile.
    this.#positions = this.#lock && new Positions(`${this.settings.spool}.shipped`);
    return this.#lock !== undefined;
  }

  #waiting(): number {
    const positions = this.#positions ?? new Positions(`${this.settings.spool}.shipped`);
    const rest = ({ inode, size }: SpoolFile) => Math.max(size - positions.of(inode), 0);
    return spoolFiles(this.settings.spool, Date.now()).reduce((sum, file) => sum + rest(file), 0);
  }

  async #rest(): Promise<void> {
    const { signal } = this.#stopping;
    await pause(this.#lastError === null ? this.settings.intervalMs : this.#retryMs, undefined, {
      signal,
    }).catch(() => {});
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
