import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { beforeEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { currentContext } from "#dist/context/context";
import { bindEmitterToContext, bindToContext, runAs, runIgnored } from "#dist/context/run";
import { faultSummaries, forgetFaults } from "#dist/health";

/** The context of now, as far as it is the application's choice. */
function told(): Record<string, unknown> {
  const context = currentContext();
  assert.ok(context);
  const { requestId, recordId, muted, extra } = context;
  return { requestId, recordId, actor: context.actor(), muted, extra };
}

const broken = new Error("broken");
function failing(): never {
  throw broken;
}

function idOfRequest(): string | undefined {
  return currentContext()?.requestId;
}

function doNow(work: () => unknown): unknown {
  return work();
}

function add(this: { base: number }, a: number, b: number): number {
  return this.base + a + b;
}

describe("audit.run", () => {
  beforeEach(forgetFaults);

  it("gives all that the work starts one request id, its actor and its fields, and nothing after it", async () => {
    const seen: Record<string, unknown>[] = [];
    const result = await runAs(
      {
        actor: { id: "cron" },
        reason: "nightly",
        tenant: 4,
        onBehalfOf: { id: 7 },
        extra: { job: "expire" },
      },
      async () => {
        seen.push(told());
        await new Promise((resolve) => setImmediate(() => resolve(seen.push(told()))));
        await sleep(1);
        seen.push(told());
        return "done";
      },
    );
    assert.equal(result, "done");
    assert.equal(currentContext(), undefined);
    const requestId = seen[0]?.["requestId"];
    assert.match(String(requestId), /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const expected = {
      requestId,
      recordId: null,
      actor: { id: "cron" },
      muted: false,
      extra: { tenant: 4, reason: "nightly", on_behalf_of: { id: 7 }, job: "expire" },
    };
    assert.deepEqual(seen, [expected, expected, expected]);
  });

  it("keeps what is around where it says nothing else", () => {
    runAs({ actor: { id: "ana" }, requestId: "req-1", tenant: "north", extra: { a: 1 } }, () => {
      runAs({ reason: "ticket 4", extra: { b: 2 } }, () => {
        assert.deepEqual(told(), {
          requestId: "req-1",
          recordId: null,
          actor: { id: "ana" },
          muted: false,
          extra: { tenant: "north", a: 1, reason: "ticket 4", b: 2 },
        });
      });
      runAs({ actor: null }, () => assert.equal(told()["actor"], null));
      assert.deepEqual(told()["extra"], { tenant: "north", a: 1 });
    });
  });

  it("does not grow with work that starts itself again inside itself", () => {
    let inside = doNow;
    for (let n = 0; n < 20_000; n += 1) {
      const around = inside;
      const options = n === 0 ? { actor: { id: "cron" }, requestId: "req-1" } : { extra: { n } };
      inside = around(() => runAs(options, () => bindToContext(doNow))) as typeof doNow;
    }
    assert.deepEqual(inside(told), {
      requestId: "req-1",
      recordId: null,
      actor: { id: "cron" },
      muted: false,
      extra: { n: 19_999 },
    });
  });

  it("links what it causes to the record that a queue's message names", () => {
    runAs({ requestId: "req-2", parentId: "rec-1" }, () => {
      assert.deepEqual([currentContext()?.recordId, currentContext()?.parentId], ["rec-1", "rec-1"]);
    });
  });

  it("throws what the work throws", async () => {
    assert.throws(() => runAs({}, failing), broken);
    await assert.rejects(
      runAs({}, () => Promise.reject(broken)),
      broken,
    );
  });

  it("asks for the actor when it is needed, and takes a wrong answer for none", () => {
    let current: unknown = { id: 1 };
    runAs({ actor: () => current as object }, () => {
      assert.deepEqual(told()["actor"], { id: 1 });
      current = "bea";
      assert.deepEqual(told()["actor"], { id: "bea" });
      current = Promise.resolve({ id: 2 });
      assert.equal(told()["actor"], null);
    });
    runAs({ actor: failing }, () => assert.equal(told()["actor"], null));
    assert.deepEqual(
      faultSummaries().map(({ kind, count }) => [kind, count]),
      [["context.actor", 2]],
    );
  });
});

describe("audit.ignore", () => {
  it("mutes the work alone, and keeps who acts", () => {
    runAs({ actor: { id: "ana" } }, () => {
      const inside = runIgnored(told);
      assert.deepEqual([inside["muted"], inside["actor"]], [true, { id: "ana" }]);
      assert.equal(told()["muted"], false);
    });
    assert.equal(runIgnored(told)["muted"], true);
  });
});

describe("a bound callback", () => {
  it("runs in the context in which it was bound, whoever calls it", () => {
    const queue: (() => unknown)[] = [];
    runAs({ requestId: "one" }, () => queue.push(bindToContext(idOfRequest)));
    runAs({ requestId: "two" }, () => queue.push(bindToContext(idOfRequest)));
    const called = runAs({ requestId: "three" }, () => queue.map((call) => call()));
    assert.deepEqual(called, ["one", "two"]);
  });

  it("keeps `this`, arguments and length; outside of any context it is the function itself", () => {
    assert.equal(bindToContext(add), add);
    const bound = runAs({}, () => bindToContext(add));
    assert.equal(bound.call({ base: 1 }, 2, 3), 6);
    assert.equal(bound.length, 2);
  });

  it("may be all listeners of an emitter", () => {
    const emitter = runAs({ requestId: "one" }, () => bindEmitterToContext(new EventEmitter()));
    const seen: unknown[] = [];
    emitter.on("data", (value) => seen.push([value, idOfRequest()]));
    runAs({ requestId: "two" }, () => emitter.emit("data", 1));
    emitter.emit("data", 2);
    assert.deepEqual(seen, [
      [1, "one"],
      [2, "one"],
    ]);
  });
});
