/**
 * The writer thread: waits for lines in the rings it was given, and appends them to their files.
 *
 * It lives in `Atomics.wait`, without an event loop, so that neither a busy nor a blocked main thread holds it
 * up. It never loses a line: what cannot be written now stays in the ring, and is tried again.
 *
 * @module
 */
import { closeSync, fstatSync, fsyncSync, readlinkSync } from "node:fs";
import { basename } from "node:path";
import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { learnShapes } from "../record/shape.js";
import { drain } from "./drain.js";
import { type FileEvents, LogFile } from "./file.js";
import { Formats } from "./formats.js";
import { ThreadClaim } from "./owner.js";
import {
  FAILING,
  MAIL,
  RETIRED,
  SLEEPING,
  type ThreadMail,
  THREAD_ID,
  type ThreadNews,
  WAKE,
} from "./protocol.js";
import { Ring } from "./ring.js";
import { pathOfInode } from "./rotate.js";
import { writeCheckpoint } from "./seal/drain.js";
import { Sealer } from "./seal/sealer.js";

/** After a batch, how long to let lines gather before the next: the window that SIGKILL can take. */
const LINGER_MS = 2;
/** So many empty looks, `LINGER_MS` apart, before the thread sleeps and has to be woken. */
const LOOKS_BEFORE_SLEEP = 10;
const FIRST_RETRY_MS = 50;
const LAST_RETRY_MS = 1000;

/**
 * What a thread is started with.
 *
 * @internal
 */
export interface ThreadStart {
  readonly control: SharedArrayBuffer;
  readonly mail: MessagePort;
  /** Counts the threads of a process; see `owner.ts`. */
  readonly generation: number;
}

interface Slot {
  readonly ring: Ring;
  readonly claim: ThreadClaim;
  readonly file: LogFile;
  readonly seal: Sealer | undefined;
  retryAt: number;
  retryMs: number;
  lastCode: string;
}

function run({ control, mail, generation }: ThreadStart): void {
  const words = new Int32Array(control);
  Atomics.store(words, THREAD_ID, kernelId());
  const slots = new Map<number, Slot>();
  const formats = new Formats();
  let mailSeen = 0;
  let looks = 0;
  for (;;) {
    const woken = Atomics.load(words, WAKE);
    const posted = Atomics.load(words, MAIL);
    if (posted !== mailSeen) {
      mailSeen = posted;
      readMail(mail, slots, formats, generation);
    }
    let busy = false;
    for (const [id, slot] of slots) busy = serve(id, slot, formats) || busy;
    looks = busy ? 0 : looks + 1;
    if (looks < LOOKS_BEFORE_SLEEP) {
      Atomics.wait(words, WAKE, woken, LINGER_MS);
      continue;
    }
    Atomics.store(words, SLEEPING, 1);
    if (!anyHasWork(slots) && Atomics.load(words, MAIL) === mailSeen) {
      Atomics.wait(words, WAKE, woken, untilNext(slots));
    }
    Atomics.store(words, SLEEPING, 0);
  }
}

function kernelId(): number {
  try {
    return Number(basename(readlinkSync("/proc/thread-self")));
  } catch {
    return 0;
  }
}

function readMail(mail: MessagePort, slots: Map<number, Slot>, formats: Formats, generation: number): void {
  for (let letter = receiveMessageOnPort(mail); letter; letter = receiveMessageOnPort(mail)) {
    const message = letter.message as ThreadMail;
    if (message.kind === "open") {
      const ring = new Ring(message.ring);
      slots.set(message.id, {
        ring,
        claim: new ThreadClaim(ring.words, generation),
        file: new LogFile(message.file, eventsOf(message.id, ring, message.file.path)),
        seal: sealerOf(message),
        retryAt: 0,
        retryMs: FIRST_RETRY_MS,
        lastCode: "",
      });
    } else if (message.kind === "formats") {
      formats.learn(message.formats);
    } else if (message.kind === "shapes") {
      learnShapes(message.shapes);
    } else {
      slots.get(message.id)?.file.close();
      slots.delete(message.id);
    }
  }
}

function eventsOf(id: number, ring: Ring, path: string): FileEvents {
  return {
    retire: (fd, backup) => retire(id, ring, fd, backup ?? pathOf(path, fd)),
    rotationFailed: ({ message }) => tell({ kind: "rotation-failed", id, message }),
  };
}

/* Another process may have renamed it. */
function pathOf(current: string, fd: number): string | undefined {
  const { ino, nlink } = fstatSync(fd);
  return nlink > 0 ? pathOfInode(current, ino) : undefined;
}

/**
 * Leaves it to the calling thread's event loop to bring a backup to the disk: that may take a second, in which the
 * ring would fill. Only one that was moved or deleted from outside has no path to be found under, and is synced here.
 */
function retire(id: number, ring: Ring, fd: number, path: string | undefined): void {
  if (path === undefined) fsyncSync(fd);
  closeSync(fd);
  tell({ kind: "retired", id, path });
  Atomics.add(ring.words, RETIRED, 1);
}

function sealerOf({ id, file, chain }: ThreadMail & { kind: "open" }): Sealer | undefined {
  if (!chain || !file.seal) return undefined;
  return new Sealer(file.path, file.seal, chain, {
    checkpoint: (witnessed) => tell({ kind: "checkpoint", id, witnessed }),
    trouble: (error) => tell({ kind: "unregistered", id, message: String(error) }),
  });
}

/** Writes what waits for one file; true if there was something and it could be written. */
function serve(id: number, slot: Slot, formats: Formats): boolean {
  if (!hasWork(slot) || slot.retryAt > performance.now()) return false;
  if (!slot.claim.take()) return false;
  try {
    const { ring, file, claim, seal } = slot;
    if (drain(ring, { file, claim, formats, seal }) && isDue(slot))
      writeCheckpoint("interval", ring, file, claim, seal!);
    recovered(slot);
    return true;
  } catch (error) {
    failed(id, slot, error as NodeJS.ErrnoException);
    return false;
  } finally {
    slot.claim.release();
  }
}

function recovered(slot: Slot): void {
  slot.retryMs = FIRST_RETRY_MS;
  slot.lastCode = "";
}

function failed(id: number, slot: Slot, error: NodeJS.ErrnoException): void {
  const code = error.code ?? error.name;
  Atomics.store(slot.ring.words, FAILING, 1);
  slot.file.close();
  slot.retryAt = performance.now() + slot.retryMs;
  slot.retryMs = Math.min(slot.retryMs * 2, LAST_RETRY_MS);
  if (code !== slot.lastCode) tell({ kind: "failed", id, code, message: error.message });
  slot.lastCode = code;
}

/* Lines wait, or a checkpoint is due. */
function hasWork(slot: Slot): boolean {
  return slot.ring.pendingBytes > 0 || isDue(slot);
}

function isDue({ seal }: Slot): boolean {
  return seal !== undefined && seal.dueAt <= Date.now();
}

function anyHasWork(slots: Map<number, Slot>): boolean {
  const now = performance.now();
  return [...slots.values()].some((slot) => hasWork(slot) && slot.retryAt <= now);
}

/** How long there is nothing to do unless somebody asks: until the next try, or the next checkpoint. */
function untilNext(slots: Map<number, Slot>): number {
  const times = [...slots.values()].map((slot) => {
    if (hasWork(slot)) return slot.retryAt - performance.now();
    return slot.seal ? slot.seal.dueAt - Date.now() : Number.POSITIVE_INFINITY;
  });
  return Math.max(Math.min(...times), 1);
}

function tell(news: ThreadNews): void {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a MessagePort, no window
  parentPort?.postMessage(news);
}

run(workerData as ThreadStart);
