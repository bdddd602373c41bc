/**
 * `@ExternalService`: one symbol that is a decorator and a base class. Compiled twice.
 */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AuditError, ExternalService, HttpClient, SftpClient } from "activity-audit";
import { isClient, serviceMetadata } from "#dist/decorate/readers";

@ExternalService("apollo", { log: "metadata" })
class Apollo extends ExternalService {
  #secret = 7;
  get both() {
    return [this.#secret, this.http, this.sftp] as const;
  }
}

class Artemis extends Apollo {}

@ExternalService("fax")
class Fax {}

class Plain extends ExternalService {
  get client() {
    return this.http;
  }
}

abstract class Abstract extends ExternalService {
  abstract go(): void;
}

describe("ExternalService", () => {
  it("is a base class, with private members and instanceof as of any class", () => {
    const apollo = new Apollo();
    assert.ok(apollo instanceof ExternalService);
    const [secret, http, sftp] = apollo.both;
    assert.equal(secret, 7);
    assert.equal(typeof http.get, "function");
    assert.equal(typeof sftp.connect, "function");
    assert.equal(apollo.both[1], http, "the same client each time");
    assert.equal(ExternalService.name, "ExternalService");
    assert.equal(Object.getPrototypeOf(Plain.prototype), ExternalService.prototype);
    class Concrete extends Abstract {
      override go() {}
    }
    assert.ok(new Concrete() instanceof ExternalService);
  });

  it("names the service as a decorator, inherited by subclasses, on a class with any base or none", () => {
    assert.deepEqual(serviceMetadata(Apollo), {
      target: Apollo,
      name: "apollo",
      options: { log: "metadata" },
    });
    assert.equal(serviceMetadata(Artemis)!.name, "apollo");
    assert.equal(serviceMetadata(Fax)!.name, "fax");
    assert.equal(serviceMetadata(Plain), undefined);
  });

  it("knows which classes record their calls by a client", () => {
    class Http extends HttpClient {}
    class Sftp extends SftpClient {}
    for (const one of [Apollo, Artemis, Plain, Http, Sftp]) assert.ok(isClient(one), one.name);
    assert.ok(!isClient(Fax));
  });

  it("refuses a name that is none", () => {
    for (const name of ["", 1, undefined] as unknown as string[]) {
      assert.throws(
        () => ExternalService(name),
        (error) => error instanceof AuditError && error.code === "AUDIT_DECORATOR_OPTION",
      );
    }
  });
});
