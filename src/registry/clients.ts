/**
 * The clients that our base classes make: offered when they are made, whether audit runs or not, and followed while
 * it runs.
 *
 * They are held weakly: an application may make a client for each request.
 *
 * @module
 */
import type { Undo } from "../capture/capture.js";
import type { ExternalServiceOptions } from "../decorate/metadata.js";
import { guarded } from "../health.js";

/** A client, and whose calls it makes. */
export interface OfferedClient {
  readonly kind: "axios" | "sftp";
  readonly target: object;
  readonly service: string;
  readonly options: ExternalServiceOptions;
}

const offered = new WeakMap<object, OfferedClient>();
const targets = new Set<WeakRef<object>>();
const collected = new FinalizationRegistry<WeakRef<object>>((reference) => targets.delete(reference));
let follow: ((client: OfferedClient) => void) | undefined;
let leave: ((target: object) => void) | undefined;

/** Makes a client known. */
export function offerClient(client: OfferedClient): void {
  const reference = new WeakRef(client.target);
  offered.set(client.target, client);
  targets.add(reference);
  collected.register(client.target, reference);
  follow?.(client);
}

/** Starts on every client there is, and on each that is made from now on. */
export function followClients(start: (client: OfferedClient) => Undo): Undo {
  // Keyed by the client, which its undo holds: the two are collected together.
  const undos = new WeakMap<object, Undo>();
  follow = (client) => {
    const undo = guarded("registry.client", () => start(client));
    if (undo) undos.set(client.target, undo);
  };
  leave = (target) => {
    const undo = undos.get(target);
    if (undo && undos.delete(target)) guarded("registry.client", undo);
  };
  for (const client of liveClients()) follow(client);
  return () => {
    follow = leave = undefined;
    for (const { target } of liveClients()) {
      const undo = undos.get(target);
      if (undo) guarded("registry.client", undo);
    }
  };
}

/**
 * Leaves a client of ours to who has attached it, or each of its calls would be told twice.
 *
 * @returns how it is followed again
 */
export function leaveClient(target: object): Undo {
  leave?.(target);
  return () => {
    const client = offered.get(target);
    if (client) follow?.(client);
  };
}

function* liveClients(): Generator<OfferedClient> {
  for (const reference of targets) {
    const target = reference.deref();
    const client = target && offered.get(target);
    if (client) yield client;
  }
}
