/**
 * What wrapping does to decorated classes: nothing that anybody but us can see, and nothing that stays.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterEach, describe, it } from "node:test";
import { AuditRoute, ExternalService, NoAudit } from "activity-audit";
import type { MethodCallEvent } from "#dist/capture/event";
import { observeMethod } from "#dist/capture/method";
import { runAs } from "#dist/context/run";
import { snapshot } from "#dist/record/snapshot";
import { wrapClasses, type ClassHooks } from "#dist/registry/classes";
import { until } from "../support/until.js";

const entered: string[] = [];
const events: MethodCallEvent[] = [];
let made = 0;
const hooks: ClassHooks = {
  handlerEntered: (target, property, isStatic) => {
    entered.push(`${isStatic ? "static " : ""}${target.name}.${String(property)}`);
  },
  aroundService: ({ name, target }, property) =>
    observeMethod(
      { service: name, className: target.name, method: String(property), detail: "full" },
      (event) => events.push(event as MethodCallEvent),
      { snapshot, newRecordId: () => `record-${(made += 1)}` },
    ),
};

let stop = () => {};
const start = () => {
  stop = wrapClasses(hooks);
};
afterEach(() => {
  stop();
  entered.length = 0;
  events.length = 0;
});

const brokenThing = new Error("broken");
const tag = Symbol("tag");

class Routes {
  @AuditRoute({ action: "a" })
  handle(first: unknown, _second?: unknown): unknown {
    if (first === brokenThing) throw brokenThing;
    return [this, first];
  }

  @AuditRoute({ action: "b" })
  static all(): unknown {
    return this;
  }

  @AuditRoute({ action: "c" })
  framework(): void {}

  plain(): void {}
}
Reflect.defineMetadata("path", "/kept", Routes.prototype.framework);
Reflect.defineMetadata("method", 0, Routes.prototype.framework);
Reflect.defineMetadata("other", "copied", Routes.prototype.handle);
Object.assign(Routes.prototype.handle, { [tag]: "own property" });

class Special extends Routes {
  override handle(first: unknown): unknown {
    return super.handle(first);
  }
}

/** Starts its work when somebody waits for it, as p-lazy does. */
class LazyPromise extends Promise<number> {
  static override get [Symbol.species]() {
    return Promise;
  }
  constructor() {
    super(() => {});
  }
  // oxlint-disable-next-line unicorn/no-thenable -- the point of the class
  override then(): never {
    return assert.fail("nobody awaits it");
  }
}

@ExternalService("fax")
class Fax {
  sent = 0;

  send(to: { number: string }, done?: (ok: boolean) => void): number {
    to.number = "changed by the method";
    done?.(true);
    return (this.sent += 1);
  }
  fail(): never {
    throw brokenThing;
  }
  async later(value: number): Promise<number> {
    await Promise.resolve();
    if (value < 0) throw brokenThing;
    return value * 2;
  }
  *pages(count: number): Generator<number, string> {
    for (let page = 1; page <= count; page += 1) yield page;
    return "all";
  }
  async *stream(): AsyncGenerator<number> {
    yield 1;
    yield 2;
  }
  polls = 0;
  async poll(): Promise<void> {
    this.polls += 1;
    await Promise.resolve();
    if (this.polls < 3) setImmediate(() => void this.poll());
  }
  lazy(): PromiseLike<number> {
    // oxlint-disable-next-line unicorn/no-thenable -- a query builder that runs when it is awaited
    return { then: () => assert.fail("nobody awaits it") };
  }
  kept = Promise.resolve("kept");
  shared(): Promise<string> {
    return this.kept;
  }
  subclass(): Promise<number> {
    return new LazyPromise();
  }
  @NoAudit()
  unseen(): void {}
  toJSON(): string {
    return "fax";
  }
  outer(): number {
    return this.send({ number: "1" });
  }
  _hidden(): number {
    return 1;
  }
  get state(): number {
    return this.sent;
  }
}

describe("a wrapped handler", () => {
  it("tells that it is entered, with the class that it runs in", () => {
    start();
    const routes = new Routes();
    assert.deepEqual(routes.handle(1), [routes, 1]);
    assert.equal(Routes.all(), Routes);
    new Special().handle(2);
    const { handle } = routes;
    assert.deepEqual(Reflect.apply(handle, undefined, [3]), [undefined, 3]);
    assert.deepEqual(entered, ["Routes.handle", "static Routes.all", "Special.handle", "Routes.handle"]);
  });

  it("throws what the method throws, and keeps name, length and own properties", () => {
    start();
    assert.throws(
      () => new Routes().handle(brokenThing),
      (error) => error === brokenThing,
    );
    const { handle } = Routes.prototype;
    assert.equal(handle.name, "handle");
    assert.equal(handle.length, 2);
    assert.equal(Reflect.getMetadata("other", handle), "copied");
    assert.throws(() => Reflect.construct(handle, []), TypeError);
    assert.equal((handle as unknown as Record<symbol, unknown>)[tag], "own property");
  });

  it("is not made of a method that Nest has made a route", () => {
    const { framework } = Routes.prototype;
    start();
    assert.equal(Routes.prototype.framework, framework);
    assert.equal(Reflect.getMetadata("path", framework), "/kept");
  });

  it("is given back, also when it was wrapped twice over", () => {
    const before = Object.getOwnPropertyDescriptors(Routes.prototype);
    start();
    assert.notEqual(Routes.prototype.handle, before.handle.value);
    stop();
    assert.deepEqual(Object.getOwnPropertyDescriptors(Routes.prototype), before);
    start();
    const late = Symbol("late");
    Object.assign(Routes.prototype.handle, { [late]: "put on while audit ran" });
    Reflect.defineMetadata("late", "kept", Routes.prototype.handle);
    stop();
    assert.equal(
      (Routes.prototype.handle as unknown as Record<symbol, unknown>)[late],
      "put on while audit ran",
    );
    assert.equal(Reflect.getMetadata("late", Routes.prototype.handle), "kept");
    start();
    const ours = Routes.prototype.handle;
    const theirs = function (this: unknown, ...args: [unknown]) {
      return ours.apply(this as Routes, args);
    };
    Routes.prototype.handle = theirs;
    stop();
    assert.equal(Routes.prototype.handle, theirs, "somebody else's wrapper stays");
    const routes = new Routes();
    assert.deepEqual(routes.handle(1), [routes, 1]);
    assert.deepEqual(entered, [], "and ours lets the call through");
    Object.defineProperty(Routes.prototype, "handle", before.handle);
  });

  it("is made of a class that is decorated while audit runs, once its decorators have run", async () => {
    start();
    class Late {
      @AuditRoute()
      go(): void {}
    }
    await Promise.resolve();
    new Late().go();
    assert.deepEqual(entered, ["Late.go"]);
  });
});

describe("a method of an @ExternalService class without a client", () => {
  it("is one event a call, with the arguments as they were before it", () => {
    start();
    const fax = new Fax();
    let called = false;
    assert.equal(
      fax.send({ number: "555" }, () => (called = true)),
      1,
    );
    assert.ok(called);
    const [{ at, durationMs, recordId, ...event }] = events as [MethodCallEvent];
    assert.ok(at > 0 && durationMs >= 0 && recordId.startsWith("record-"));
    assert.deepEqual(event, {
      kind: "call",
      protocol: "method",
      context: undefined,
      service: "fax",
      outcome: "success",
      error: null,
      handler: "Fax.send",
      extra: {},
      className: "Fax",
      method: "send",
      arguments: [{ number: "555" }, { $function: "" }],
      result: 1,
    });
  });

  it("throws and rejects with the very error, and the event has it", async () => {
    start();
    assert.throws(
      () => new Fax().fail(),
      (error) => error === brokenThing,
    );
    await assert.rejects(new Fax().later(-1), (error) => error === brokenThing);
    assert.deepEqual(
      events.map(({ outcome, error, result }) => [outcome, error, result]),
      [
        ["failure", brokenThing, undefined],
        ["failure", brokenThing, undefined],
      ],
    );
  });

  it("stays synchronous, a promise, a generator, or a thenable that nobody has awaited", async () => {
    start();
    const fax = new Fax();
    assert.equal(await fax.later(2), 4);
    const pages = fax.pages(2);
    assert.deepEqual([...pages], [1, 2]);
    const streamed: number[] = [];
    for await (const page of fax.stream()) streamed.push(page);
    assert.deepEqual(streamed, [1, 2]);
    fax.lazy();
    assert.deepEqual(events.map(({ method, outcome, result }) => [method, outcome, result]).slice(0, 3), [
      ["later", "success", 4],
      ["pages", "success", "all"],
      ["stream", "success", undefined],
    ]);
    assert.equal(events.length, 4);
  });

  it("keeps the identity of what is returned, and of the kind of the method", async () => {
    const { constructor } = Object.getPrototypeOf(Fax.prototype.later) as { constructor: Function };
    start();
    const fax = new Fax();
    assert.equal(fax.shared(), fax.kept);
    assert.ok(fax.subclass() instanceof LazyPromise);
    assert.equal(Fax.prototype.later.constructor, constructor);
    const generator = fax.pages(1);
    assert.equal(generator[Symbol.iterator](), generator);
    assert.equal(Object.getPrototypeOf(generator), Fax.prototype.pages.prototype);
    await fax.kept;
    assert.deepEqual(
      events.map(({ method, outcome }) => [method, outcome]),
      [
        ["subclass", "unknown"],
        ["shared", "success"],
      ],
    );
  });

  it("leaves a rejection that nobody takes to end the process, as without us", () => {
    // In a process of its own: the test runner takes such rejections itself.
    const program = `
      const { observeMethod } = require("#dist/capture/method");
      const tools = { snapshot: (value) => value, newRecordId: () => "id" };
      const around = observeMethod({ service: "s", className: "C", method: "m", detail: "full" }, () => {}, tools);
      around(async function m() { throw new Error("nobody takes it"); }, {}, []);`;
    const { status, stderr } = spawnSync(process.execPath, ["-e", program], { encoding: "utf8" });
    assert.equal(status, 1);
    assert.match(stderr, /nobody takes it/);
  });

  it("is one call when a decorated subclass calls its parent's", () => {
    @ExternalService("modem")
    class Modem extends Fax {
      override send(to: { number: string }): number {
        return super.send(to);
      }
    }
    start();
    new Modem().send({ number: "1" });
    assert.throws(() => new Modem().fail());
    assert.deepEqual(
      events.map(({ service, method }) => [service, method]),
      [
        ["modem", "send"],
        ["modem", "fail"],
      ],
    );
  });

  it("is one call each time that it calls itself again by a timer", async () => {
    start();
    const fax = new Fax();
    await fax.poll();
    await until(() => fax.polls === 3 && events.length >= 3);
    assert.deepEqual(
      events.map(({ method, outcome }) => [method, outcome]),
      Array.from({ length: 3 }, () => ["poll", "success"]),
    );
  });

  it("is the cause of what it calls", () => {
    start();
    runAs({ actor: { id: 1 } }, () => new Fax().outer());
    const [inner, outer] = events as [MethodCallEvent, MethodCallEvent];
    assert.deepEqual([inner.method, outer.method], ["send", "outer"]);
    assert.equal(inner.context!.recordId, outer.recordId);
    assert.equal(inner.context!.requestId, outer.context!.requestId);
  });

  it("is public: no event of a getter, or of a name that begins with an underscore", () => {
    start();
    const fax = new Fax();
    // oxlint-disable-next-line no-underscore-dangle -- the point of the test
    assert.equal(fax._hidden(), 1);
    assert.equal(fax.state, 0);
    fax.unseen();
    assert.equal(JSON.stringify({ fax }), '{"fax":"fax"}');
    assert.deepEqual(events, []);
  });

  it("is given back", () => {
    const before = Object.getOwnPropertyDescriptors(Fax.prototype);
    start();
    stop();
    assert.deepEqual(Object.getOwnPropertyDescriptors(Fax.prototype), before);
  });
});
