/**
 * The writer thread as one that wants to write all the time, and is slow at it: whenever the right to write is free, it
 * takes it and stands in its `write` for some milliseconds. It writes nothing.
 */
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { ThreadClaim } from "#dist/writer/owner";
import type { ThreadMail } from "#dist/writer/protocol";
import { Ring } from "#dist/writer/ring";

const WRITE_MS = 20;
const { mail, generation } = workerData as { mail: MessagePort; generation: number };
const pause = new Int32Array(new SharedArrayBuffer(4));

function claimIn(letter: { message: ThreadMail } | undefined): ThreadClaim | undefined {
  if (letter?.message.kind !== "open") return undefined;
  return new ThreadClaim(new Ring(letter.message.ring).words, generation);
}

let claim: ThreadClaim | undefined;
while (!claim) claim = claimIn(receiveMessageOnPort(mail));
for (;;) {
  if (!claim.take() || !claim.enter()) continue;
  Atomics.wait(pause, 0, 0, WRITE_MS);
  claim.leave();
  claim.release();
}
