/**
 * `@AuditEntity` and its field decorators. Compiled twice: as legacy and as standard decorators.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuditEntity, AuditError, AuditIgnore, AuditMask, AuditRoute } from "activity-audit";
import { decoratedEntities, entityMetadata } from "#dist/decorate/readers";

@AuditEntity<Person>({ mask: ["phone"], label: (person) => person.name })
class Person {
  name = "";
  phone = "";
  @AuditIgnore() cache = "";
  @AuditMask() iban = "";
}

class Nurse extends Person {
  @AuditIgnore() rota = "";
  @AuditIgnore() override iban = "";
}

@AuditEntity<Doctor>({ reads: true, mask: ["licence"], redact: ["name"] })
class Doctor extends Person {
  licence = "";
}

const symbol = Symbol("symbol");

class Visitor {
  name = "";
}

function sameName(model: string) {
  @AuditEntity({ model })
  class Same {}
  return Same;
}

function assertMisplaced(decorate: () => void, found: RegExp): void {
  assert.throws(decorate, (error) => {
    assert.ok(error instanceof AuditError);
    assert.equal(error.code, "AUDIT_DECORATOR_MISPLACED");
    assert.match(error.message, found);
    return true;
  });
}

describe("@AuditEntity", () => {
  it("keeps its options, frozen, with the fields that are marked", () => {
    const metadata = entityMetadata(Person)!;
    assert.equal(metadata.target, Person);
    assert.deepEqual(metadata.options.mask, ["phone"]);
    assert.deepEqual([...metadata.ignored], ["cache"]);
    assert.deepEqual([...metadata.masked], ["iban"]);
    assert.throws(() => Object.assign(metadata.options, { mask: [] }), TypeError);
    assert.throws(() => Object.assign(metadata, { target: Visitor }), TypeError);
  });

  it("is inherited, and what a subclass says of a field wins, without touching the base class", () => {
    const metadata = entityMetadata(Nurse)!;
    assert.equal(metadata.target, Nurse);
    assert.deepEqual(metadata.options.mask, ["phone"]);
    assert.deepEqual([...metadata.ignored].toSorted(), ["cache", "iban", "rota"]);
    assert.deepEqual([...metadata.masked], []);
    assert.deepEqual([...entityMetadata(Person)!.ignored], ["cache"]);
  });

  it("can be said anew by a subclass, which cannot lay open what its parent protects", () => {
    const { options } = entityMetadata(Doctor)!;
    assert.equal(options.reads, true);
    assert.deepEqual(options.mask, ["phone", "licence"]);
    assert.deepEqual(options.redact, ["name"]);
    assert.equal(options.label, entityMetadata(Person)!.options.label);
    assert.deepEqual(entityMetadata(Person)!.options.mask, ["phone"]);
    assert.equal(entityMetadata(Person)!.options.reads, undefined);
  });

  it("lists the classes that it stands on, and no other", () => {
    const listed = decoratedEntities();
    assert.ok(listed.includes(Person) && listed.includes(Doctor));
    assert.ok(!listed.includes(Nurse) && !listed.includes(Visitor));
    assert.equal(entityMetadata(Visitor), undefined);
  });

  it("counts both of two on one class: the outer one wins, and what either protects is protected", () => {
    @AuditEntity({ model: "Outer", exclude: ["a"] })
    @AuditEntity({ model: "Inner", exclude: ["b"] })
    class Twice {
      a = 1;
      b = 2;
    }
    assert.equal(entityMetadata(Twice)!.options.model, "Outer");
    assert.deepEqual(entityMetadata(Twice)!.options.exclude, ["b", "a"]);
  });

  it("keeps what was said, whatever becomes of the lists that it was given", () => {
    const exclude: "phone"[] = ["phone"];
    @AuditEntity<Listed>({ exclude })
    class Listed {
      phone = "";
    }
    exclude.length = 0;
    assert.deepEqual(entityMetadata(Listed)!.options.exclude, ["phone"]);
  });

  it("refuses options that there are not, and values that it cannot use", () => {
    const wrong: [object, string][] = [
      [{ excludes: ["a"] }, "AUDIT_OPTION_UNKNOWN"],
      [{ exclude: "a" }, "AUDIT_OPTION_INVALID"],
      [{ label: "name" }, "AUDIT_OPTION_INVALID"],
      [{ reads: 1 }, "AUDIT_OPTION_INVALID"],
    ];
    for (const [options, code] of wrong) {
      assert.throws(
        () => AuditEntity(options as object),
        (error) => error instanceof AuditError && error.code === code && /@AuditEntity/.test(error.message),
      );
    }
  });

  it("keeps two classes of one name apart", () => {
    const [first, second] = [sameName("a"), sameName("b")];
    assert.equal(entityMetadata(first)!.options.model, "a");
    assert.equal(entityMetadata(second)!.options.model, "b");
  });

  it("refuses `include` together with `exclude`", () => {
    assert.throws(
      () => AuditEntity<Person>({ include: ["name"], exclude: ["phone"] }),
      (error) => error instanceof AuditError && error.code === "AUDIT_DECORATOR_OPTION",
    );
  });

  it("says where it stands when it stands wrongly", () => {
    assertMisplaced(() => {
      class Wrong {
        // @ts-expect-error an entity decorator on a method
        @AuditEntity() method() {}
      }
      return Wrong;
    }, /method/);
    assertMisplaced(() => {
      // @ts-expect-error a field decorator on a class
      @AuditIgnore()
      class Wrong {}
      return Wrong;
    }, /class Wrong/);
    assertMisplaced(() => {
      class Wrong {
        @AuditIgnore() static field = 1;
        other = 1;
      }
      return Wrong;
    }, /static field/);
    assertMisplaced(() => {
      class Wrong {
        @AuditMask() [symbol] = 1;
      }
      return Wrong;
    }, /Symbol\(symbol\)/);
    assertMisplaced(() => {
      class Wrong {
        // @ts-expect-error a route decorator on a field
        @AuditRoute() field = 1;
      }
      return Wrong;
    }, /field/);
  });
});
