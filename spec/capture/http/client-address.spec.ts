import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { clientAddress, trustFunction, type TrustProxy } from "#dist/capture/http/client-address";
import { faultSummaries, forgetFaults } from "#dist/health";

function seen(peer: string | null, forwarded: string | undefined, trust: TrustProxy): string | null {
  return clientAddress(peer, forwarded, trustFunction(trust));
}

function trustSense(address: string): boolean {
  if (address === "nonsense") throw new Error("no address");
  return true;
}

describe("the client's address", () => {
  it("is the socket's when no proxy is trusted, whatever a header says", () => {
    assert.equal(seen("10.0.0.1", "1.1.1.1", false), "10.0.0.1");
    assert.equal(seen("::ffff:10.0.0.1", undefined, true), "::ffff:10.0.0.1");
  });

  it("is told by trusted proxies only, from the nearest on", () => {
    const forwarded = "6.6.6.6, 1.1.1.1, 10.0.0.2";
    assert.equal(seen("10.0.0.1", forwarded, 1), "10.0.0.2");
    assert.equal(seen("10.0.0.1", forwarded, 2), "1.1.1.1");
    assert.equal(seen("10.0.0.1", forwarded, true), "6.6.6.6");
    assert.equal(seen("10.0.0.1", forwarded, "10.0.0.0/8"), "1.1.1.1");
    assert.equal(seen("::ffff:10.0.0.1", forwarded, ["loopback", "uniquelocal"]), "1.1.1.1");
    assert.equal(seen("9.9.9.9", forwarded, "10.0.0.0/8"), "9.9.9.9");
    assert.equal(seen("127.0.0.1", "fe80::1, ::1", "loopback"), "fe80::1");
    assert.equal(
      seen("10.0.0.1", forwarded, (address, hop) => address === "10.0.0.1" && hop === 0),
      "10.0.0.2",
    );
  });

  it("is told by those who come through a Unix socket, which has no address, where they are trusted", () => {
    assert.equal(seen(null, "6.6.6.6, 1.1.1.1", 1), "1.1.1.1");
    assert.equal(seen(null, "6.6.6.6, 1.1.1.1", true), "6.6.6.6");
    assert.equal(seen(null, "1.1.1.1", "loopback"), null);
    assert.equal(seen(null, undefined, true), null);
  });

  it("is not believed of one of whom the application's function throws", () => {
    forgetFaults();
    assert.equal(seen("10.0.0.1", "1.1.1.1, nonsense", trustSense), "nonsense");
    assert.deepEqual(
      faultSummaries().map(({ kind, count }) => [kind, count]),
      [["capture.http_rule", 1]],
    );
  });

  it("is not asked of what is neither an address nor a range", () => {
    assert.throws(() => trustFunction("10.0.0.0/8, proxy.local"), TypeError);
  });
});
