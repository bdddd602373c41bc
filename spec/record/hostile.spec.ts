import assert from "node:assert/strict";
import { describe, it } from "node:test";
import * as fc from "fast-check";
import { buildRecord } from "#dist/record/build";
import { encode } from "#dist/record/encode";
import { MAX_LINE } from "#dist/record/limits";
import { createRedactor } from "#dist/record/redactor";
import { snapshot } from "#dist/record/snapshot";
import { buildCustom, buildLogin } from "#dist/record/stated";
import { assertRecord, type WrittenRecord } from "../support/schema.js";
import {
  AT,
  CONTEXT,
  httpCallEvent,
  methodCallEvent,
  requestEvent,
  rowEvent,
  sftpCallEvent,
  STAMP,
} from "./events.js";

const redactor = createRedactor();
const MOMENT = { at: AT, context: { ...CONTEXT, extra: {} } };

function lineOf(record: object): string {
  const line = encode(record, redactor);
  assert.ok(line.length <= MAX_LINE, `${line.length} characters`);
  // Nothing that a terminal obeys or that a reader takes for the end of a line.
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(line, /[\u0000-\u001f\u0080-\u009f\u2028\u2029]/u);
  assertWellFormed(line);
  return line;
}

/** Neither a half of a surrogate pair nor the escape of one, of which some readers make an error. */
function assertWellFormed(line: string): void {
  assert.equal(Buffer.from(line).toString(), line);
  assert.doesNotMatch(line.replaceAll("\\\\", ""), /\\ud[89a-f]/iu);
}

function extraOf(value: unknown): any {
  const record = assertRecord(lineOf(buildCustom({ action: "a.b", extra: { value } }, MOMENT, STAMP)));
  return record.extra.value;
}

function nested(levels: number): unknown {
  let value: unknown = "bottom";
  for (let level = 0; level < levels; level += 1) value = level % 2 ? [value] : { inner: value };
  return value;
}

const throwing = (): never => {
  throw new Error("not for you");
};
const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** Values that break loggers, and what is written of each. */
const HOSTILE: readonly (readonly [string, () => unknown, unknown])[] = [
  ["a cycle", () => cycle(), { self: { $circular: true }, list: [{ $circular: true }] }],
  [
    "a getter that throws",
    () => ({
      ok: 1,
      get bad() {
        return throwing();
      },
    }),
    { ok: 1, bad: { $getter: true } },
  ],
  [
    "a Proxy that throws",
    () => new Proxy({}, { get: throwing, ownKeys: throwing, getPrototypeOf: throwing }),
    { $proxy: true },
  ],
  ["a revoked Proxy", revoked, { $proxy: true }],
  ["a text of 100 MB", () => "x".repeat(100_000_000), { $clipped: "string", length: 100_000_000 }],
  ["a BigInt", () => 12345678901234567890n, "12345678901234567890"],
  ["a symbol", () => Symbol("s"), "Symbol(s)"],
  ["symbols for keys", () => ({ [Symbol("s")]: 1, a: 1 }), { a: 1 }],
  ["a toJSON that throws", () => ({ a: 1, toJSON: throwing }), { a: 1 }],
  [
    "a class whose toJSON throws",
    () =>
      new (class {
        a = 1;
        toJSON = throwing;
      })(),
    { a: 1 },
  ],
  [
    "a toJSON that gives another",
    () =>
      new (class {
        toJSON() {
          return { toJSON: () => 2, b: 1 };
        }
      })(),
    { b: 1 },
  ],
  ["a function", () => [setTimeout, { method() {} }], [{ $function: "setTimeout" }, {}]],
  ["numbers that JSON has not", () => [NaN, Infinity, -Infinity, -0], ["NaN", "Infinity", "-Infinity", 0]],
  ["an invalid date", () => [new Date(NaN), new Date(0)], [null, "1970-01-01T00:00:00.000Z"]],
  [
    "bytes",
    () => [Buffer.alloc(7), new Float64Array(2), new ArrayBuffer(3)],
    [{ $binary: 7 }, { $binary: 16 }, { $binary: 3 }],
  ],
  ["a list with holes", () => Object.assign(Array(3), { 0: 1, 2: 3 }), [1, null, 3]],
  ["an object without prototype", () => Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  [
    "an error",
    () => Object.assign(new TypeError("bad"), { code: "E", config: { headers: "h" } }),
    { name: "TypeError", message: "bad", code: "E" },
  ],
  [
    "a Map and a Set",
    () => [new Map([["k", new Set([1])]]), new Map([[{ a: 1 }, 2]])],
    [{ k: [1] }, { '{"a":1}': 2 }],
  ],
  [
    "a promise, an expression, a URL",
    () => [Promise.resolve(1), /x/g, new URL("http://a.example/")],
    [{ $promise: true }, "/x/g", "http://a.example/"],
  ],
];

function cycle(): unknown {
  const value: Record<string, unknown> = {};
  value.self = value;
  value.list = [value];
  return value;
}

describe("a record", () => {
  for (const [title, make, wanted] of HOSTILE) {
    it(`is one whole line with ${title} in it`, () => {
      assert.deepEqual(extraOf(make()), wanted);
    });
  }

  it("is one whole line with a value of 10,000 levels in it, also as a text", () => {
    let value = extraOf(nested(10_000));
    for (let level = 0; level < 20; level += 1) value = Array.isArray(value) ? value[0] : value.inner;
    assert.ok(value);
    const text = `${"[".repeat(15_000)}${"]".repeat(15_000)}`;
    assert.equal(typeof extraOf(text), "string");
  });

  it("keeps a key named __proto__, and lets it change nothing", () => {
    const value = JSON.parse('{"__proto__":{"admin":true,"password":"abc"},"constructor":1}');
    const extra = extraOf(value);
    assert.equal(Object.hasOwn(extra, "__proto__"), true);
    assert.deepEqual(Object.getOwnPropertyDescriptor(extra, "__proto__")?.value, {
      admin: true,
      password: "[REDACTED]",
    });
    assert.equal(({} as WrittenRecord).admin, undefined);
  });

  it("says how much there was of a list, an object and a text", () => {
    assert.deepEqual(extraOf(Array.from({ length: 5000 }, (_, index) => index)).at(-1), {
      $clipped: "array",
      length: 5000,
    });
    const wide = extraOf(
      Object.fromEntries(Array.from({ length: 5000 }, (_, index) => [`k${index}`, index])),
    );
    assert.deepEqual([wide.$clipped, wide.$length, wide.k999, wide.k1000], ["object", 5000, 999, undefined]);
    assert.deepEqual(extraOf(["a", "x".repeat(40_000)]), ["a", { $clipped: "string", length: 40_000 }]);
  });

  it("is bounded when all of it is too large", () => {
    const controls = "\u0001".repeat(30_000);
    const huge = { list: Array.from({ length: 900 }, () => controls) };
    for (const event of [
      httpCallEvent({ requestBody: huge, responseBody: huge, requestHeaders: { a: controls }, extra: huge }),
      methodCallEvent({
        arguments: [huge, huge],
        result: huge,
        className: controls.repeat(9),
        handler: controls,
      }),
      sftpCallEvent({ remotePath: controls.repeat(99), message: controls, details: huge }),
      requestEvent({
        url: `/${controls}?${controls}`,
        error: new Error(controls.repeat(50)),
        route: controls,
      }),
      rowEvent({ before: huge, after: { ...huge, x: 1 }, id: controls, label: controls, model: controls }),
    ]) {
      assertRecord(lineOf(buildRecord(event, STAMP)!));
    }
    const shared = Array.from({ length: 1000 }, () => huge);
    assertRecord(
      lineOf(
        buildCustom(
          { action: "a.b", extra: { all: Array.from({ length: 1000 }, () => shared) } },
          MOMENT,
          STAMP,
        ),
      ),
    );
  });

  it("is one line whatever stands in its fields", () => {
    const text = "a\r\nb\u001b[31mred\u0000\u2028\u2029\u0085\u009b2J\ud800 \udc00 \u202e end\u007f";
    const names = { [text]: { [text]: text } };
    const line = assertRecord(
      lineOf(
        buildRecord(
          httpCallEvent({
            url: `https://a.example/${text}`,
            method: text,
            service: text,
            requestHeaders: { [text]: text, "user-agent": text },
            requestBody: names,
            error: new Error(text),
            handler: text,
            extra: names,
          }),
          STAMP,
        ),
      ),
    );
    const whole = text.replace("\ud800 \udc00", "\ufffd \ufffd");
    assert.equal(line.error_message, whole);
    assert.deepEqual(line.request_repr.body, { [whole]: { [whole]: whole } });
    assertRecord(lineOf(buildRecord(rowEvent({ model: text, table: text, id: text, label: text }), STAMP)!));
    assertRecord(
      lineOf(buildLogin({ event: text, success: false, error: text, user: { id: text } }, MOMENT, STAMP)),
    );
  });

  it("has U+FFFD for halves of surrogate pairs, whichever way it is made, and leaves all else", () => {
    const odd = "\ud800 \udc00 \ud83d\ude00 \\ud800 \\\\\udbff C:\\udata \ufffd \ude00\ud83d";
    const whole = "\ufffd \ufffd \ud83d\ude00 \\ud800 \\\\\ufffd C:\\udata \ufffd \ufffd\ufffd";
    const extra = { [odd]: odd };
    for (const secret of [{}, { password: `${odd} 12345678` }]) {
      const login = buildLogin({ event: odd, success: false, extra: { ...extra, ...secret } }, MOMENT, STAMP);
      const record = assertRecord(lineOf(login));
      assert.equal(record.event, whole);
      assert.equal(record.extra[whole], whole);
      const call = httpCallEvent({
        requestHeaders: { "x-odd": odd },
        requestBody: odd,
        responseBody: { ...extra, ...secret },
        error: odd,
        url: `https://a.example/${odd}`,
        method: odd,
        context: { ...CONTEXT, actor: () => ({ id: odd }) },
      });
      const request = requestEvent({
        responseHeaders: "HTTP/1.1 200 OK\r\n\r\n",
        requestHeaders: ["x-odd", odd],
        extra: { ...extra, ...secret },
        error: odd,
        url: `/${odd}`,
        method: odd,
        context: { ...CONTEXT, actor: () => ({ id: odd }) },
      });
      const short = [redactor.calls.line(call, STAMP, {}), redactor.requests.line(request, STAMP, {})];
      assert.deepEqual(
        short.map((line) => line !== undefined),
        [secret, secret].map((one) => !("password" in one)),
      );
      for (const [at, event] of [call, request].entries()) {
        for (const line of [
          short[at] ?? lineOf(buildRecord(event, STAMP)!),
          lineOf(buildRecord(event, STAMP)!),
        ]) {
          assertWellFormed(line);
          const made = assertRecord(line);
          assert.deepEqual(
            [made.error_message, made.request_repr.method, made.user],
            [whole, whole, { id: whole }],
          );
          assert.equal(made.request_repr.headers["x-odd"], whole);
        }
      }
    }
  });

  it("hides a value with a half of a pair in it wherever it stands", () => {
    const secret = "hunter2-\ud800-hunter2";
    const line = lineOf(
      buildCustom({ action: "a.b", extra: { password: secret, note: `it is ${secret}` } }, MOMENT, STAMP),
    );
    assert.doesNotMatch(line, /hunter2/u);
    const headers = { authorization: `Bearer ${secret}`, "x-note": `it is ${secret}` };
    const call = httpCallEvent({ requestHeaders: headers });
    assert.equal(redactor.calls.line(call, STAMP, {}), undefined);
    assert.doesNotMatch(lineOf(buildRecord(call, STAMP)!), /hunter2/u);
  });

  it("hides what stands beside a half of a pair in a text that is read", () => {
    const shown = Object.fromEntries(
      [
        "\udc00a%26password%3Dhunter2",
        '{"\udc00":"password=hunter2"}',
        '[{"note":"\udc00","pin":"hunter2"}]',
      ].map((text) => {
        const login = buildLogin({ event: "login", success: false, extra: { text } }, MOMENT, STAMP);
        return [text, assertRecord(lineOf(login)).extra.text];
      }),
    );
    assert.deepEqual(Object.values(shown), [
      "%EF%BF%BDa%26password%3D%5BREDACTED%5D",
      '{"\ufffd":"password=[REDACTED]"}',
      '[{"note":"\ufffd","pin":"[REDACTED]"}]',
    ]);
  });

  it("is written of anything: an object that is no record, or a hostile one", () => {
    for (const value of [
      {},
      [],
      new Map(),
      Object.create(null),
      new Proxy({}, { ownKeys: throwing }),
      revoked(),
    ]) {
      JSON.parse(lineOf(value as object));
    }
    const odd = {
      level: { toJSON: throwing },
      get message() {
        return throwing();
      },
      password: "x-y-z",
      n: 1n,
    };
    assert.deepEqual(JSON.parse(lineOf(odd)), {
      level: {},
      message: { $getter: true },
      password: "[REDACTED]",
      n: "1",
      redacted: ["/password"],
    });
  });

  it("takes no longer for a text made to be slow", () => {
    const slow = [
      "select ".repeat(4600),
      "password=".repeat(3600),
      `"password":"${"\\".repeat(32_000)}`,
      "<a ".repeat(10_000) + "</",
      'name="password"'.repeat(2000),
      "a:".repeat(16_000),
      "://".repeat(10_000) + "@",
      "%3D".repeat(10_000),
      `${"'".repeat(30_000)} select x from y where token`,
      "-----BEGIN PRIVATE KEY".repeat(1400),
      "eyJ".repeat(10_000),
      "1 ".repeat(16_000),
      "Bearer ".repeat(4600),
      "Duplicate entry '".repeat(1900),
      "update ".repeat(4600),
      " ".repeat(32_000) + "=",
      "key ".repeat(8000) + "=",
      "{".repeat(32_000),
      "cookie: a; ".repeat(2900),
      `token=abcdefgh at 50% of ${"Ab0/".repeat(8000)}`,
    ];
    const all = createRedactor({ detect: true });
    const cost = (text: string): number => {
      const begin = process.cpuUsage();
      encode(buildCustom({ action: "a.b", extra: { text } }, MOMENT, STAMP), all);
      return process.cpuUsage(begin).user / 1000;
    };
    for (const text of slow) {
      const half = cost(text.slice(0, text.length / 2));
      const whole = cost(text);
      // Twice the text costs about twice, and would cost four times if it were quadratic. What costs next to nothing
      // is not held to it.
      assert.ok(
        whole < 3 * half + 200,
        `${text.slice(0, 20)}… took ${half} ms for half of it, ${whole} ms for all`,
      );
    }
  });

  it("takes no longer for a long text that is only shown, as on the console, where no limit holds", () => {
    const slow = [
      `token=abcdefgh at 50% of ${"Ab0/".repeat(80_000)}`,
      `token=abcdefgh ${'<input name="x">\n'.repeat(20_000)}`,
      `token=abcdefgh ${'name="x" '.repeat(36_000)}`,
      `token=abcdefgh </ ${"<pin><![CDATA[".repeat(24_000)}`,
      `token=abcdefgh ${"Duplicate entry '".repeat(20_000)}`,
      `token=abcdefgh @ ${"://a:b".repeat(60_000)}`,
    ];
    for (const text of slow) {
      const begin = process.cpuUsage();
      redactor.text(text);
      // Of quadratic ones the fastest took ten times as long.
      const took = process.cpuUsage(begin).user / 1000;
      assert.ok(took < 2000, `${text.slice(0, 40)}… took ${took} ms`);
    }
  });

  it("can be made of any value: fuzz", () => {
    const runs = Number(process.env.AUDIT_FUZZ_RECORDS ?? 10_000);
    const seed = Number(process.env.AUDIT_FUZZ_SEED ?? Date.now() % 2 ** 31);
    console.log(`fuzz: ${runs} records, seed ${seed} (AUDIT_FUZZ_RECORDS, AUDIT_FUZZ_SEED)`);
    const secret = "S3cr3t-needle-0815";
    const name = fc.constantFrom(
      "password",
      "apiKey",
      "X-Auth-Token",
      "a",
      "__proto__",
      "toJSON",
      "\u2028",
      "value",
      "name",
    );
    const leaf = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.constantFrom("", "=", "password=", '{"a":"', "Bearer ", "\ud800", "%", "%3D", "'", "<a></a>"),
      fc.double(),
      fc.bigInt(),
      fc.constantFrom<unknown>(null, undefined, true, Symbol("x"), NaN, throwing, new Date(NaN)),
      fc.date(),
      fc.uint8Array({ maxLength: 5 }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4, withCrossShrink: true },
        leaf,
        fc.array(tie("tree"), { maxLength: 4 }),
        fc.dictionary(fc.oneof(name, fc.string({ unit: "binary", maxLength: 12 })), tie("tree"), {
          maxKeys: 4,
        }),
        tie("tree").map((value) => new Map([["k", value]])),
        tie("tree").map((value) => ({ proxy: revoked(), trap: new Proxy({}, { get: throwing }), value })),
        tie("tree").map((value) => ({ password: secret, value })),
        tie("tree").map((value) =>
          JSON.stringify({ list: [{ token: secret }], value: String(typeof value) }),
        ),
        tie("tree").map((value) =>
          Object.defineProperty({ value }, "bad", { get: throwing, enumerable: true }),
        ),
      ),
    }));
    fc.assert(
      fc.property(tree, fc.string({ unit: "binary", maxLength: 60 }), (value, text) => {
        const event = httpCallEvent({
          requestBody: snapshot(value),
          responseBody: value,
          requestHeaders: { [text]: text, authorization: `Bearer ${secret}` },
          url: `https://a.example/${text}?token=${secret}&${text}`,
          error: new Error(`${text} ${secret}`),
          extra: { value },
        });
        const line = lineOf(buildRecord(event, STAMP));
        assertRecord(line);
        assert.ok(!line.includes(secret), line);
      }),
      { numRuns: runs, seed },
    );
  });
});

describe("a snapshot", () => {
  it("is a copy: what changes later does not change it", () => {
    const given = { list: [{ a: 1 }], map: new Map([["k", { b: 1 }]]) };
    const copy = snapshot(given);
    given.list[0]!.a = 2;
    given.map.get("k")!.b = 2;
    assert.deepEqual(copy, { list: [{ a: 1 }], map: { k: { b: 1 } } });
  });

  it("runs no getter and no trap, and consumes nothing", async () => {
    let ran = 0;
    const given = {
      get lazy() {
        ran += 1;
        return 1;
      },
      proxy: new Proxy({ a: 1 }, { get: () => (ran += 1), ownKeys: () => (ran += 1) as never }),
      stream: new ReadableStream({ pull: (controller) => controller.close() }),
      generator: (function* () {
        ran += 1;
        yield 1;
      })(),
    };
    assert.deepEqual(snapshot(given), {
      lazy: { $getter: true },
      proxy: { $proxy: true },
      stream: { $stream: true },
      generator: {},
    });
    assert.equal(ran, 0);
    assert.equal(given.stream.locked, false);
  });

  it("keeps the limits that it is given", () => {
    assert.deepEqual(snapshot({ a: { b: { c: 1 } } }, { depth: 2 }), { a: { b: { $clipped: "object" } } });
    assert.deepEqual(snapshot([1, 2, 3], { entries: 2 }), [1, 2, { $clipped: "array", length: 3 }]);
    assert.deepEqual(snapshot("abcdef", { string: 5 }), { $clipped: "string", length: 6 });
  });
});
