/**
 * The viewer as a handler of requests, for any server.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import * as v from "valibot";
import { callback, checked } from "../check.js";
import type { AuditError } from "../errors.js";
import { fault } from "../health.js";
import { loadDuckDB } from "../read/sql/engine.js";
import { questions } from "./api.js";
import { asset } from "./assets.js";
import type { Verified } from "../read/verify/types.js";
import { addressOf } from "./asked.js";
import { LiveTrail } from "./trail.js";
import { type VerifyKeys, verifyInThread } from "./verify-thread.js";

/** Who may look, and at what. */
export interface ViewerOptions {
  /** The trail's directory; default `audit_logs`. */
  readonly directory?: string;
  /**
   * Whether this request may see the trail. There is no default: a trail holds what nobody else may read. What it
   * throws means no.
   */
  readonly authorize: (request: any) => boolean | Promise<boolean>;
  /**
   * To verify a sealed trail; without `key`, of a trail with keyed seals only the order of lines. Default `{}`.
   */
  readonly verify?: VerifyKeys;
}

/** A handler for Express (`app.use("/audit", viewer)`) or for a plain server. */
export interface Viewer {
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /** Lets go of the trail; requests that come later open it again. */
  close(): Promise<void>;
}

/** What is told of each request. `look`: somebody reads single records; `refresh`: a page keeps itself up to date. */
export type Told = (request: IncomingMessage, kind: "look" | "refresh") => void;

const schema = v.strictObject({
  directory: v.optional(v.pipe(v.string(), v.nonEmpty("a path"))),
  authorize: callback<ViewerOptions["authorize"]>(),
  verify: v.optional(
    v.strictObject({
      key: v.optional(v.instance(Uint8Array, "the bytes of a key")),
      publicKey: v.optional(v.pipe(v.string(), v.nonEmpty("a PEM text"))),
    }),
  ),
});

const SECURITY = {
  "Content-Security-Policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

/**
 * @throws {AuditError} `AUDIT_OPTION_INVALID`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_PEER_MISSING`
 */
export function createViewer(options: ViewerOptions, told: Told = () => {}): Viewer {
  const { directory = "audit_logs", authorize, verify: keys = {} } = checked("audit.viewer", schema, options);
  loadDuckDB("The viewer");
  const trail = new LiveTrail(directory);
  const viewer = (request: IncomingMessage, response: ServerResponse, next?: () => void): void => {
    void serve(request, response, next).catch((error: unknown) => {
      fault("viewer.request", error);
      answer(response, 500, { error: "The trail could not be read; see audit.health()." });
    });
  };

  async function serve(request: IncomingMessage, response: ServerResponse, next?: () => void): Promise<void> {
    const { pathname, searchParams } = addressOf(request);
    const isAllowed = await isTrue(() => authorize(request));
    if (!isAllowed) return answer(response, 403, { error: "Not allowed." });
    if (request.method !== "GET" && request.method !== "HEAD")
      return answer(response, 405, { error: "Only GET." });
    if (pathname === "/" && needsSlash(request)) return redirect(request, response);
    if (pathname === "/api/changes") return changes(request, response);
    if (pathname === "/api/integrity") {
      told(request, "look");
      return ask(integrity, response);
    }
    const question = questions[pathname];
    if (question) {
      told(request, question.isLook ? "look" : "refresh");
      return ask(() => trail.use((store) => question.answer(store, searchParams)), response);
    }
    const found = await asset(pathname);
    if (!found) return next ? next() : answer(response, 404, { error: "There is nothing here." });
    told(request, pathname === "/" ? "look" : "refresh");
    response.writeHead(200, { ...SECURITY, "Content-Type": found.type });
    response.end(found.bytes);
  }

  let verifying: Promise<Verified> | undefined;
  /** One at a time, for all who ask meanwhile. */
  function integrity(): Promise<Verified> {
    verifying ??= verifyInThread(directory, keys).finally(() => (verifying = undefined));
    return verifying;
  }

  /** Server-sent events: one each time that there are new records. */
  function changes(request: IncomingMessage, response: ServerResponse): void {
    // Gone while `authorize` was asked: its "close" has been.
    if (response.destroyed) return;
    told(request, "refresh");
    response.writeHead(200, { ...SECURITY, "Content-Type": "text/event-stream" });
    response.write("retry: 2000\n\n");
    const unwatch = trail.watch(() => response.write("data: changed\n\n"));
    response.on("close", unwatch);
  }

  return Object.assign(viewer, { close: () => trail.close() });
}

/** What throws, or is rejected, means no. */
async function isTrue(decide: () => unknown): Promise<boolean> {
  try {
    return (await decide()) === true;
  } catch {
    return false;
  }
}

async function ask(question: () => Promise<unknown>, response: ServerResponse): Promise<void> {
  try {
    const found = await question();
    if (found === null) answer(response, 404, { error: "There is no such record." });
    else answer(response, 200, found);
  } catch (error) {
    if (!isOurs(error)) throw error;
    const status = error.code === "AUDIT_TRAIL_MISSING" ? 404 : 400;
    answer(response, status, { error: error.message, code: error.code });
  }
}

/* By its code: what comes out of a thread has lost its class. */
function isOurs(error: unknown): error is Pick<AuditError, "code" | "message"> {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" && code.startsWith("AUDIT_");
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent) return void response.end();
  response.writeHead(status, { ...SECURITY, "Content-Type": "application/json; charset=utf-8" });
  response.end(JSON.stringify(body));
}

/* The page names its parts relative to itself, so that it can stand anywhere. */
function needsSlash(request: IncomingMessage): boolean {
  const { originalUrl } = request as { originalUrl?: string };
  return originalUrl !== undefined && !originalUrl.split("?")[0]!.endsWith("/");
}

function redirect(request: IncomingMessage, response: ServerResponse): void {
  const [path, query] = (request as unknown as { originalUrl: string }).originalUrl.split("?");
  // Relative, and so never to another host whatever the path begins with.
  const last = path!.split("/").at(-1);
  response.writeHead(308, { ...SECURITY, Location: `./${last}/${query === undefined ? "" : `?${query}`}` });
  response.end();
}
