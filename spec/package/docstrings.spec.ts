/**
 * What users see in their editor: every export of every entry, and every public member, says what it is.
 *
 * Read from the built declarations by the compiler, so that nothing public can be left out. What is exported for the
 * package's own use only is marked `@internal`.
 */
import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { type Documented, entries, publicApi } from "../support/public-api.js";

/** Called by users themselves, and so shown in use: functions, classes, decorators, methods of classes. */
const isCalled = ({ kind, name, parameters, isMethod }: Documented): boolean =>
  kind === "function" ||
  kind === "class" ||
  (kind === "value" && parameters.length > 0) ||
  (isMethod && /^(?:audit|HttpClient|SftpClient|Trail)\./u.test(name));

const placeOf = ({ name, entry, file }: Documented): string => `${name} of "${entry}", ${file}`;

describe("docstrings of the package", () => {
  let surface: readonly Documented[];
  before(async () => {
    surface = await publicApi();
  });

  it("were read for every entry", () => {
    const known = new Set(surface.map(({ entry }) => entry));
    const none = entries().filter(({ entry }) => !known.has(entry));
    // Started by its name, and imported by nobody.
    assert.deepEqual(
      none.map(({ entry }) => entry),
      ["./writer-thread"],
    );
    assert.ok(surface.length > 500, `${surface.length} exports and members`);
    for (const name of ["audit.start", "AuditOptions.actor", "HttpClient.get", "CrudRecord.instance_repr"])
      assert.ok(
        surface.some((each) => each.name === name),
        name,
      );
  });

  it("are there for every export and every public member", () => {
    assert.deepEqual(surface.filter(({ doc }) => doc === "").map(placeOf), []);
  });

  it("show functions, classes, decorators and methods in use", () => {
    const called = surface.filter(isCalled);
    assert.ok(called.length > 50, `${called.length} of them`);
    assert.deepEqual(called.filter(({ examples }) => !examples.some((text) => text !== "")).map(placeOf), []);
  });

  it("say of each option what holds without it", () => {
    const options = surface.filter(
      ({ isOptional, name }) => isOptional && /(?:Options|Policy|Rule|Input|Endpoint)\./u.test(name),
    );
    assert.ok(options.length > 100, `${options.length} options`);
    assert.deepEqual(options.filter(({ doc }) => !/\bdefault\b/iu.test(doc)).map(placeOf), []);
  });

  it("name parameters that there are, and codes that there are", () => {
    const codes = surface.find(({ name }) => name === "AuditErrorCode")!;
    assert.ok(codes.values.length > 20, `${codes.values.length} codes`);
    for (const { told, parameters, throws, ...where } of surface) {
      assert.deepEqual(
        told.filter((name) => !parameters.includes(name)),
        [],
        placeOf(where as Documented),
      );
      const named = throws.flatMap((text) => text.match(/AUDIT_[A-Z_]+/gu) ?? []);
      assert.deepEqual(
        named.filter((code) => !codes.values.includes(code)),
        [],
        placeOf(where as Documented),
      );
    }
  });
});
