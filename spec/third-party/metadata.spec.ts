/**
 * Decorators of other libraries beside ours, in any order: what they keep on classes, methods and properties is theirs
 * still, before audit starts, while it runs, and after it stopped.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Controller, Get, Header, SetMetadata } from "@nestjs/common";
import {
  AuditEntity,
  AuditMask,
  AuditRoute,
  ExternalService,
  NoAudit,
  audit,
  auditLogging,
} from "activity-audit";
import { Exclude, instanceToPlain, Type } from "class-transformer";
import { IsEmail, Length, validateSync } from "class-validator";
import log4js from "log4js";
import { Get as RcGet, getMetadataArgsStorage, JsonController } from "routing-controllers";
import { Column, Entity, getMetadataArgsStorage as ormStorage, PrimaryGeneratedColumn } from "typeorm";

@AuditEntity<Person>({ exclude: ["note"] })
@Entity()
class Person {
  @PrimaryGeneratedColumn() id: number;

  @AuditMask()
  @IsEmail()
  @Column()
  email: string;

  @Length(1, 5)
  @Column()
  @AuditMask()
  name: string;

  @Exclude()
  @Column()
  note: string;

  @Type(() => Date)
  born: Date;
}

@Controller("nest")
class NestController {
  @AuditRoute({ action: "a" })
  @Get("above")
  @Header("x", "y")
  above(): void {}

  @Get("below")
  @SetMetadata("roles", ["admin"])
  @AuditRoute({ action: "b" })
  @NoAudit()
  below(): void {}
}

@JsonController("/rc")
class RcController {
  @AuditRoute({ action: "a" })
  @RcGet("/above")
  above(): void {}

  @RcGet("/below")
  @AuditRoute({ action: "b" })
  below(): void {}
}

@ExternalService("fax")
class Fax {
  @Reflect.metadata("by property", "kept")
  send(): string {
    return "sent";
  }
}
Reflect.defineMetadata("on the function", "kept", Fax.prototype.send);

/** Everything that the other libraries know. */
function known(): unknown {
  const { above, below } = NestController.prototype;
  const person = Object.assign(new Person(), { email: "none", name: "too long", note: "hidden" });
  return {
    columns: ormStorage()
      .filterColumns(Person)
      .map(({ propertyName }) => propertyName),
    invalid: validateSync(person).map(({ property }) => property),
    plain: instanceToPlain(person),
    nest: [above, below].map((method) =>
      Reflect.getMetadataKeys(method).map((key) => [key, Reflect.getMetadata(key, method)]),
    ),
    nestTypes: Reflect.getMetadataKeys(NestController.prototype, "above"),
    routes: getMetadataArgsStorage()
      .filterActionsWithTarget(RcController)
      .map(({ method, route }) => [method, route]),
    service: [
      Reflect.getMetadata("by property", Fax.prototype, "send"),
      Reflect.getMetadata("on the function", Fax.prototype.send),
    ],
  };
}

describe("metadata of other libraries", () => {
  const directory = mkdtempSync(join(tmpdir(), "third-party-"));
  after(async () => {
    await audit.stop();
    await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
    rmSync(directory, { recursive: true });
  });

  it("is the same before audit starts, while it runs, and after it stopped", async () => {
    const before = known();
    assert.deepEqual(Object.keys(before as object).length, 7);
    log4js.configure(auditLogging({ directory, console: false }));
    audit.start({ serviceName: "spec" });
    assert.deepEqual(known(), before);
    assert.equal(new Fax().send(), "sent");
    await audit.stop();
    assert.deepEqual(known(), before);
  });
});
