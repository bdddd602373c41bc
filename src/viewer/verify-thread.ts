/**
 * Verifies the trail in a thread of its own: hashing a large trail would hold up the application around the viewer.
 *
 * @module
 */
import { join } from "node:path";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Verified } from "../read/verify/types.js";
import { verify } from "../read/verify/verify.js";

/** What is needed to verify, beyond the files; see `docs/sealing.md`. */
export interface VerifyKeys {
  /** The key that the trail is sealed with. */
  readonly key?: Uint8Array | undefined;
  /** PEM: each checkpoint must be signed with its private half. */
  readonly publicKey?: string | undefined;
}

interface Task {
  readonly directory: string;
  readonly keys: VerifyKeys;
}

export function verifyInThread(directory: string, keys: VerifyKeys): Promise<Verified> {
  return new Promise((resolve, reject) => {
    const task: Task = { directory, keys };
    const thread = new Worker(join(__dirname, "verify-thread.js"), {
      workerData: task,
      name: "activity-audit-verify",
    });
    thread.once("message", resolve);
    thread.once("error", reject);
    thread.unref();
  });
}

if (!isMainThread && parentPort) {
  const { directory, keys } = workerData as Task;
  // An error that is not caught here reaches the other side as the thread's `error`.
  void verify(directory, keys).then((verified) => parentPort!.postMessage(verified, []));
}
