/**
 * Records logins by itself where Passport shows them: a strategy that checks what a person brings (password, OAuth
 * code, SAML answer) succeeds or fails; `req.logOut` ends a session.
 *
 * Strategies that see the same proof with every request (sessions, JWT, bearer, basic) are no logins and are passed
 * over; what they refuse is a `denied` request.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { readActor, type ActorLike } from "../../context/actor.js";
import type { Actor } from "../../context/context.js";
import { guarded } from "../../health.js";
import type { Undo } from "../capture.js";
import { replaceMethod } from "../patch.js";
import type { FromRequest } from "./options.js";

/** What is told of a login. */
export interface LoginFacts {
  readonly event: "login" | "logout";
  readonly success: boolean;
  /** Why it failed: a text, or what was thrown. */
  readonly error?: unknown;
  /** Who it was about; `null` when a login failed. */
  readonly user: Actor | null;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** What to do with what was seen, and how the application says who somebody is. */
export interface LoginListener {
  readonly actor: FromRequest<ActorLike>;
  readonly login: (facts: LoginFacts) => void;
}

/** A Passport strategy, as far as it is needed here. */
interface Strategy {
  name?: string;
  authenticate(this: Attempt, request: PassportRequest, ...rest: unknown[]): unknown;
  readonly _usernameField?: string;
}

/** One attempt: Passport derives an object from the strategy for it. */
interface Attempt extends Strategy {
  success(user: unknown, ...rest: unknown[]): unknown;
  fail(challenge?: unknown, ...rest: unknown[]): unknown;
  error(error: unknown): unknown;
}

interface Passport {
  use(...args: unknown[]): unknown;
  authenticate(...args: unknown[]): unknown;
  readonly _strategies: Record<string, Strategy>;
}

type LogOut = (this: PassportRequest, ...args: unknown[]) => unknown;
interface PassportRequest extends IncomingMessage {
  body?: Record<string, unknown>;
  logOut?: LogOut;
  logout?: LogOut;
}

const WITH_EVERY_REQUEST = /^(?:session|jwt|bearer|anonymous|basic|digest|headerapikey|api-?key|cookie)$/i;

/** True for a Passport instance. */
export function isPassport(target: unknown): target is object {
  const { use, authenticate, _strategies } = (target ?? {}) as Partial<Passport>;
  return typeof use === "function" && typeof authenticate === "function" && typeof _strategies === "object";
}

/** True for a strategy, as Nest has them among its providers. */
export function isPassportStrategy(target: unknown): target is object {
  const { name, authenticate } = (target ?? {}) as Partial<Strategy>;
  return typeof name === "string" && typeof authenticate === "function" && !isPassport(target);
}

/** Records the logins of a Passport instance, with all of its strategies, present and later ones. */
export function capturePassport(target: object, listener: LoginListener): Undo {
  const passport = target as Passport;
  const undos = new Map<Strategy, Undo>();
  const watch = (strategy: Strategy, name?: string): void => {
    if (!undos.has(strategy)) undos.set(strategy, captureStrategy(strategy, listener, name));
  };
  // oxlint-disable-next-line no-underscore-dangle -- the only place where Passport keeps them
  for (const [name, strategy] of Object.entries(passport._strategies)) watch(strategy, name);
  const undoUse = replaceMethod(passport, "use", (use) => {
    return function (this: Passport, ...args: unknown[]): unknown {
      const result: unknown = Reflect.apply(use, this, args);
      const [name, strategy] = args.length > 1 ? args : [undefined, args[0]];
      guarded("capture.passport", () => watch(strategy as Strategy, name as string | undefined));
      return result;
    };
  });
  return () => {
    undoUse();
    for (const undo of undos.values()) undo();
    undos.clear();
  };
}

/** Records the logins of one strategy. @param name - under which it is registered. Default: its own */
export function captureStrategy(target: object, listener: LoginListener, name?: string): Undo {
  const strategy = target as Strategy;
  const known = name ?? strategy.name ?? "";
  return replaceMethod(strategy, "authenticate", (authenticate) => {
    return function (this: Attempt, request: PassportRequest, ...rest: unknown[]): unknown {
      guarded("capture.passport", () => {
        if (!isAttempt(this)) return;
        watchLogOut(request, listener);
        if (!WITH_EVERY_REQUEST.test(known)) watchAttempt(this, request, known, listener);
      });
      return Reflect.apply(authenticate, this, [request, ...rest]);
    };
  });
}

/** What only looks like a strategy, as a provider of Nest may, has not been given these by Passport. */
function isAttempt({ success, fail, error }: Partial<Attempt>): boolean {
  return [success, fail, error].every((ending) => typeof ending === "function");
}

/** A strategy may be attached by itself, as Nest's are, and with the Passport that has it. */
const watchedAttempts = new WeakSet<Attempt>();

function watchAttempt(
  attempt: Attempt,
  request: PassportRequest,
  strategy: string,
  listener: LoginListener,
): void {
  if (watchedAttempts.has(attempt)) return;
  watchedAttempts.add(attempt);
  const attempted = attemptedName(attempt, request);
  const extra = { strategy, ...(attempted !== undefined && { attempted }) };
  const failed = (error: unknown): void =>
    listener.login({ event: "login", success: false, error, user: null, extra });
  before(attempt, "success", (user) => {
    // As the application would say it of a request of that person.
    const view = Object.create(request, { user: { value: user } }) as PassportRequest;
    listener.login({ event: "login", success: true, user: readActor(listener.actor, view), extra });
  });
  before(attempt, "fail", (challenge) => failed(challengeText(challenge)));
  before(attempt, "error", failed);
}

function before(attempt: Attempt, name: "success" | "fail" | "error", see: (first: unknown) => void): void {
  const method = attempt[name] as (...args: unknown[]) => unknown;
  attempt[name] = function (this: Attempt, ...args: unknown[]): unknown {
    guarded("capture.passport", () => see(args[0]));
    return Reflect.apply(method, this, args);
  };
}

/** The name that somebody tried: without it a run of failed logins says nothing. */
function attemptedName(attempt: Attempt, request: PassportRequest): string | undefined {
  // oxlint-disable-next-line no-underscore-dangle -- where passport-local keeps its option
  const { [attempt._usernameField ?? "username"]: name } = request.body ?? {};
  return typeof name === "string" ? name.slice(0, 254) : undefined;
}

/** A challenge is a status, a text for `WWW-Authenticate`, or an object with a message. */
function challengeText(challenge: unknown): unknown {
  if (typeof challenge === "object" && challenge !== null && "message" in challenge) return challenge.message;
  return typeof challenge === "string" || challenge instanceof Error ? challenge : "refused";
}

const watchedRequests = new WeakSet<PassportRequest>();

function watchLogOut(request: PassportRequest, listener: LoginListener): void {
  const { logOut } = request;
  if (!logOut || watchedRequests.has(request)) return;
  watchedRequests.add(request);
  const watched: LogOut = function (...args) {
    const user = readActor(listener.actor, this);
    const told = (error: unknown): void => {
      if (user === null) return;
      const success = !error;
      guarded("capture.passport", () =>
        listener.login({ event: "logout", success, ...(!success && { error }), user, extra: {} }),
      );
    };
    const done = args.at(-1);
    if (typeof done !== "function") {
      const result = Reflect.apply(logOut, this, args);
      told(null);
      return result;
    }
    const tellAndGoOn = function (this: unknown, ...results: unknown[]): unknown {
      told(results[0]);
      return Reflect.apply(done, this, results);
    };
    return Reflect.apply(logOut, this, [...args.slice(0, -1), tellAndGoOn]);
  };
  request.logOut = watched;
  request.logout = watched;
}
