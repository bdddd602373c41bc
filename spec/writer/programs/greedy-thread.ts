/**
 * The writer thread as one that wants to write all the time, and is slow at it: whenever the right to write is free, it
 * takes it and stands in its `write` for some milliseconds, then for some between two of them. It writes nothing.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { ThreadClaim } from "#dist/writer/owner";
import type { ThreadMail } from "#dist/writer/protocol";
import { Ring } from "#dist/writer/ring";

const WRITE_MS = 20;
const BETWEEN_MS = 5;
const { mail, generation } = workerData as { mail: MessagePort; generation: number };
const pause = new Int32Array(new SharedArrayBuffer(4));

function claimIn(letter: { message: ThreadMail } | undefined): ThreadClaim | undefined {
  if (letter?.message.kind !== "open") return undefined;
  return new ThreadClaim(new Ring(letter.message.ring).words, generation);
}

let claim: ThreadClaim | undefined;
while (!claim) claim = claimIn(receiveMessageOnPort(mail));
for (let isOurs = false; ;) {
  if (!(isOurs || claim.take()) || !claim.enter()) {
    isOurs = false;
    continue;
  }
  Atomics.wait(pause, 0, 0, WRITE_MS);
  claim.leave();
  // Somebody may take it away now; if he gives it back, it is ours in the same moment.
  const end = performance.now() + BETWEEN_MS;
  for (isOurs = false; !isOurs && performance.now() < end;) isOurs = claim.take();
  if (!isOurs) claim.release();
}
