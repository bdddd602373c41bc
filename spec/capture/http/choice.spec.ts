import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { beforeEach, describe, it } from "node:test";
import * as v from "valibot";
import { isNoise, matcher, pathOf, type PathRule } from "#dist/capture/http/choice";
import { requestOptionsSchema } from "#dist/capture/http/options";
import { faultSummaries, forgetFaults } from "#dist/health";

const REQUEST = { method: "GET" } as IncomingMessage;

function fits(rule: PathRule | readonly PathRule[], path: string): boolean | undefined {
  return matcher(rule)?.(path, REQUEST);
}

function failing(): never {
  throw new Error("broken rule");
}

describe("a rule on paths", () => {
  beforeEach(forgetFaults);

  it("is a path, a pattern, an expression, a function, or a list of these", () => {
    assert.deepEqual([fits("/a", "/a"), fits("/a", "/a/b"), fits("/a.b", "/axb")], [true, false, false]);
    assert.deepEqual(
      [fits("/a/*", "/a/b"), fits("/a/*", "/a/b/c"), fits("/a/**", "/a/b/c")],
      [true, false, true],
    );
    assert.equal(fits("*.php", "/index.php"), false);
    assert.equal(fits("**.php", "/x/index.php"), true);
    const everyOther = /^\/a/g;
    assert.deepEqual([fits(everyOther, "/ab"), fits(everyOther, "/ab")], [true, true]);
    assert.equal(
      fits(({ method }) => method === "GET", "/any"),
      true,
    );
    assert.deepEqual([fits(["/a", /^\/b/], "/bc"), fits([], "/a"), matcher(undefined)], [true, false, null]);
  });

  it("that throws does not fit, and is counted", () => {
    assert.equal(fits(failing, "/a"), false);
    assert.deepEqual(
      faultSummaries().map(({ kind, count }) => [kind, count]),
      [["capture.http_rule", 1]],
    );
  });
});

describe("a path", () => {
  it("is what stands before the query, also in an absolute request line", () => {
    assert.equal(pathOf("/a/b?c=/d"), "/a/b");
    assert.equal(pathOf("http://host:80/a?b"), "/a");
    assert.equal(pathOf("http://host"), "/");
    assert.equal(pathOf("*"), "*");
  });
});

describe("noise", () => {
  it("is a health check or a static file that is only read", () => {
    const both = ["health", "static"] as const;
    for (const path of [
      "/health",
      "/healthz",
      "/api/v2/health/ready",
      "/readyz",
      "/ping",
      "/a/logo.SVG",
      "/app.js",
    ]) {
      assert.ok(isNoise(both, "GET", path), path);
    }
    for (const path of ["/healthy", "/patients/health", "/patients", "/report.pdf", "/export.csv"]) {
      assert.equal(isNoise(both, "GET", path), false, path);
    }
    assert.equal(isNoise(both, "POST", "/health"), false);
    assert.equal(isNoise(["health"], "GET", "/app.js"), false);
  });
});

describe("options for requests", () => {
  it("have defaults, and are refused when they are wrong", () => {
    assert.deepEqual(v.parse(requestOptionsSchema, {}), {
      skip: [],
      unreadable: true,
      bodies: true,
      headers: true,
      bodyLimit: 65_536,
      routes: [],
      requestIdHeader: "x-request-id",
    });
    const wrong = [
      { exclude: "health" },
      { exclude: [1] },
      { only: "all" },
      { skip: ["noise"] },
      { bodies: "none" },
      { bodyLimit: 1.5 },
      { bodyLimit: 20_000_000 },
      { routes: [{ bodies: false }] },
      { requestIdHeader: "x y" },
      { trustProxy: "proxy.local" },
      { tenant: "north" },
      { colour: "red" },
    ];
    for (const options of wrong) {
      assert.equal(v.safeParse(requestOptionsSchema, options).success, false, JSON.stringify(options));
    }
  });
});
