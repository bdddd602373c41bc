import assert from "node:assert/strict";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, beforeEach, describe, it } from "node:test";
import express from "express";
import session from "express-session";
import { Passport } from "passport";
import { Strategy } from "passport-local";
import type { Undo } from "#dist/capture/capture";
import {
  capturePassport,
  captureStrategy,
  type LoginFacts,
  type LoginListener,
} from "#dist/capture/http/passport";
import { faultSummaries, forgetFaults } from "#dist/health";
import { fetchOnce, type Answer } from "../../support/http-client.js";

interface User {
  readonly id: number;
  readonly name: string;
  readonly password: string;
}

const ANA: User = { id: 7, name: "ana", password: "secret" };

describe("logins through Passport", () => {
  const logins: LoginFacts[] = [];
  const passport = new Passport();
  const plainUse = passport.use;
  const local = strategy();
  const listener: LoginListener = {
    actor: (request: { user?: User }) => request.user && { id: request.user.id, name: request.user.name },
    login: (facts) => logins.push(facts),
  };
  let undo: Undo;
  let server: Server;

  before(async () => {
    undo = capturePassport(passport, listener);
    server = application(passport, local).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
  });
  after(() => server.close());
  beforeEach(() => void logins.splice(0));

  function call(path: string, body?: object, cookie?: string): Promise<Answer> {
    const headers = { "content-type": "application/json", ...(cookie && { cookie }) };
    const { port } = server.address() as AddressInfo;
    const sent = body && { body: JSON.stringify(body) };
    return fetchOnce(port, { method: body ? "POST" : "GET", path, headers, ...sent });
  }

  it("are recorded with who logged in, and not again with each request of the session", async () => {
    const answer = await call("/login", { username: "ana", password: "secret" });
    const cookie = String(answer.headers["set-cookie"]).split(";", 1)[0];
    assert.deepEqual(JSON.parse(answer.body.toString()), { user: "ana" });
    assert.deepEqual(JSON.parse((await call("/me", undefined, cookie)).body.toString()), { user: "ana" });
    await call("/logout", {}, cookie);
    const user = { id: 7, name: "ana" };
    assert.deepEqual(logins, [
      { event: "login", success: true, user, extra: { strategy: "local", attempted: "ana" } },
      { event: "logout", success: true, user, extra: {} },
    ]);
  });

  it("are recorded when they fail, with the name that was tried", async () => {
    assert.equal((await call("/login", { username: "ana", password: "wrong" })).status, 401);
    assert.equal((await call("/login", { username: "broken", password: "x" })).status, 500);
    assert.deepEqual(
      logins.map(({ event, success, error, user, extra }) => [
        event,
        success,
        error instanceof Error ? error.message : error,
        user,
        extra["attempted"],
      ]),
      [
        ["login", false, "Wrong name or password", null, "ana"],
        ["login", false, "directory is down", null, "broken"],
      ],
    );
  });

  it("are recorded once where the strategy is attached by itself too, and it is left as it was in any order", async () => {
    const undoStrategy = captureStrategy(local, listener);
    const wrapped = local.authenticate;
    await call("/login", { username: "ana", password: "wrong" });
    assert.equal(logins.length, 1);
    // Another library's, above ours.
    const others: typeof wrapped = (...args) => Reflect.apply(wrapped, local, args);
    local.authenticate = others;
    undoStrategy();
    assert.equal(local.authenticate, others);
    local.authenticate = wrapped;
  });

  it("are none of what only looks like a strategy, and nothing is put on it", () => {
    forgetFaults();
    const directory = {
      name: "directory",
      error: null,
      authenticate(name: string) {
        return { ...this, name };
      },
    };
    const undoDirectory = captureStrategy(directory, listener);
    const { authenticate: _, ...left } = directory.authenticate("ana");
    undoDirectory();
    assert.deepEqual(left, { name: "ana", error: null });
    assert.deepEqual([logins, faultSummaries()], [[], []]);
  });

  it("are not recorded any more once undone", async () => {
    undo();
    assert.equal((await call("/login", { username: "ana", password: "secret" })).status, 200);
    assert.deepEqual(logins, []);
    assert.equal(passport.use, plainUse);
  });
});

const me: express.RequestHandler = (request, response) =>
  void response.json({ user: (request.user as User | undefined)?.name });

function strategy(): Strategy {
  return new Strategy((name, password, done) => {
    if (name === "broken") return done(new Error("directory is down"));
    if (name === ANA.name && password === ANA.password) return done(null, ANA);
    done(null, false, { message: "Wrong name or password" });
  });
}

function application(passport: InstanceType<typeof Passport>, local: Strategy): ReturnType<typeof express> {
  passport.use(local);
  passport.serializeUser((user, done) => done(null, (user as User).id));
  passport.deserializeUser((_id, done) => done(null, ANA));
  const app = express();
  app.set("env", "test");
  app.use(express.json());
  app.use(session({ secret: "spec", resave: false, saveUninitialized: false }));
  app.use(passport.session());
  app.post("/login", passport.authenticate("local"), me);
  app.get("/me", me);
  app.post("/logout", (request, response, next) =>
    request.logOut((error) => (error ? next(error) : me(request, response, next))),
  );
  return app;
}
