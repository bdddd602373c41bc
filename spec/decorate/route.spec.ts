/**
 * `@AuditRoute` and `@NoAudit`. Compiled twice: as legacy and as standard decorators.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuditRoute, NoAudit } from "activity-audit";
import { decoratedMethods, isRouteClass, routeMetadata, routeOfHandler } from "#dist/decorate/readers";

const secret = Symbol("secret");
const note =
  (...notes: string[]) =>
  // A decorator of somebody else's, in either syntax.
  (..._args: any[]): void => {
    seen.push(...notes);
  };
const seen: string[] = [];

class Patients {
  @AuditRoute({ action: "patient.admit", extra: { area: "ward" } })
  admit() {
    return this;
  }

  @note("above")
  @AuditRoute({ action: "patient.read" })
  @note("below")
  read(_id: number, _more?: string) {}

  @NoAudit()
  alive() {}

  @AuditRoute({ action: "patient.count" })
  static count() {
    return 1;
  }

  @AuditRoute({ action: "patient.secret" })
  [secret]() {}

  plain() {}
}

@AuditRoute({ action: "partner", extra: { area: "partners", by: "class" } })
class Partners {
  ask() {}

  @AuditRoute({ action: "partner.order", extra: { by: "method" } })
  order() {}

  @NoAudit()
  ping() {}
}

@NoAudit()
class Silent {
  any() {}

  @AuditRoute({ action: "loud" })
  loud() {}
}

// A standard decorator of an instance method hears of its class when the first instance is made.
[Patients, Partners, Silent].map((one) => new one());

describe("@AuditRoute", () => {
  it("says what stands on a method, whatever else stands there", () => {
    assert.equal(routeMetadata(Patients, "admit")!.options.action, "patient.admit");
    assert.equal(routeMetadata(Patients, "read")!.options.action, "patient.read");
    assert.equal(routeMetadata(Patients, "plain"), undefined);
    assert.deepEqual(seen, ["below", "above"]);
  });

  it("leaves the method itself alone", () => {
    const { read } = Patients.prototype;
    assert.equal(read.name, "read");
    assert.equal(read.length, 2);
    assert.deepEqual(Reflect.ownKeys(read).toSorted(), ["length", "name"]);
    const patients = new Patients();
    assert.equal(patients.admit(), patients);
  });

  it("stands on static methods and on symbols", () => {
    assert.equal(routeMetadata(Patients, "count", true)!.options.action, "patient.count");
    assert.equal(routeMetadata(Patients, "count"), undefined);
    assert.equal(routeMetadata(Patients, secret)!.options.action, "patient.secret");
    assert.deepEqual(
      decoratedMethods(Patients).filter(({ isStatic }) => isStatic),
      [{ property: "count", isStatic: true }],
    );
  });

  it("holds for all methods of a class, and a method's own options win", () => {
    assert.ok(isRouteClass(Partners) && !isRouteClass(Patients));
    assert.deepEqual(routeMetadata(Partners, "ask"), {
      options: { action: "partner", extra: { area: "partners", by: "class" } },
      skipped: false,
    });
    assert.deepEqual(routeMetadata(Partners, "order"), {
      options: { action: "partner.order", extra: { area: "partners", by: "method" } },
      skipped: false,
    });
  });

  it("is found by the handler alone", () => {
    const { target, property, options } = routeOfHandler(Patients.prototype.admit)!;
    assert.deepEqual([target, property, options.action], [Patients, "admit", "patient.admit"]);
    assert.equal(routeOfHandler(Patients.prototype.plain), undefined);
    assert.equal(
      routeOfHandler(() => {}),
      undefined,
    );
  });

  it("is inherited, but not by a method that overrides the decorated one", () => {
    class Inherited extends Patients {}
    class Overridden extends Patients {
      override admit() {
        return super.admit();
      }
    }
    assert.equal(routeMetadata(Inherited, "admit")!.options.action, "patient.admit");
    assert.equal(routeMetadata(Overridden, "admit"), undefined);
  });
});

describe("@NoAudit", () => {
  it("leaves out a method, or a whole class but for what is decorated in it", () => {
    assert.equal(routeMetadata(Patients, "alive")!.skipped, true);
    assert.equal(routeMetadata(Partners, "ping")!.skipped, true);
    assert.equal(routeMetadata(Silent, "any")!.skipped, true);
    assert.equal(routeMetadata(Silent, "loud")!.skipped, false);
  });
});
