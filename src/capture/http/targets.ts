/**
 * What of requests can be attached by hand: a Node server, Passport, one of its strategies.
 *
 * @module
 */
import { Server } from "node:http";
import type { Undo } from "../capture.js";
import {
  capturePassport,
  captureStrategy,
  isPassport,
  isPassportStrategy,
  type LoginListener,
} from "./passport.js";
import type { RequestCapture } from "./requests.js";
import { captureServer, type Emitter } from "./server.js";

/** How to begin with `target`; `undefined` if it is none of these. */
export function requestTarget(
  target: object,
  requests: RequestCapture | undefined,
  listener: LoginListener,
): (() => Undo) | undefined {
  if (isServer(target)) return () => (requests ? captureServer(target, requests) : () => {});
  if (isPassport(target)) return () => capturePassport(target, listener);
  if (isPassportStrategy(target)) return () => captureStrategy(target, listener);
  return undefined;
}

/** HTTPS and HTTP/2 servers are of other classes, and have the same events. */
function isServer(target: object): target is Emitter {
  const { listen, address, emit } = target as Partial<Server>;
  return target instanceof Server || [listen, address, emit].every((method) => typeof method === "function");
}
