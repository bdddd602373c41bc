/**
 * `@nestjs/swagger` reads types, parameters and answers from the metadata of controllers and of the classes of their
 * bodies: the document is the same with our decorators, in any order, and without them, before audit runs and after.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { Body, Controller, Get, Module, Param, ParseIntPipe, Post, Query, type Type } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import {
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiNotFoundResponse,
  ApiOperation,
  ApiProperty,
  ApiQuery,
  ApiTags,
  DocumentBuilder,
  SwaggerModule,
} from "@nestjs/swagger";
import { audit, AuditEntity, auditLogging, AuditMask, AuditRoute, NoAudit } from "activity-audit";
import { AuditModule } from "activity-audit/nest";
import log4js from "log4js";
import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";
import { fetchOnce } from "../support/http-client.js";

type Decorator = ClassDecorator & PropertyDecorator & MethodDecorator;
const none: Decorator = () => {};

/** The cats of the guide to OpenAPI, with our decorators above theirs, below them, or nowhere. */
function cats(where: "above" | "below" | "nowhere"): Type {
  const above = <D>(decorator: D): D => (where === "above" ? decorator : (none as D));
  const below = <D>(decorator: D): D => (where === "below" ? decorator : (none as D));

  @above(AuditEntity())
  @Entity()
  @below(AuditEntity())
  class Cat {
    @PrimaryGeneratedColumn()
    @ApiProperty({ example: 3 })
    id: number;

    @above(AuditMask())
    @Column()
    @ApiProperty({ description: "What it is called by", minLength: 1 })
    @below(AuditMask())
    name: string;

    @ApiProperty({ enum: ["indoor", "outdoor"], required: false })
    kind?: string;
  }

  @above(AuditRoute({ action: "cats" }))
  @ApiTags("cats")
  @ApiBearerAuth()
  @Controller("cats")
  @below(AuditRoute({ action: "cats" }))
  class CatsController {
    @above(AuditRoute({ action: "cat.create" }))
    @Post()
    @ApiOperation({ summary: "Takes a cat in" })
    @ApiCreatedResponse({ type: Cat })
    @below(AuditRoute({ action: "cat.create" }))
    create(@Body() cat: Cat): Cat {
      return { ...cat, id: 3 };
    }

    @above(NoAudit())
    @Get()
    @ApiQuery({ name: "kind", required: false })
    @below(NoAudit())
    list(@Query("kind") _kind?: string): Cat[] {
      return [];
    }

    @above(AuditRoute({ activity: "looked at cat {params.id}" }))
    @Get(":id")
    @ApiNotFoundResponse({ description: "There is no such cat" })
    @below(AuditRoute({ activity: "looked at cat {params.id}" }))
    one(@Param("id", ParseIntPipe) id: number): Cat {
      return { id, name: "Tom" };
    }
  }
  return CatsController;
}

async function documented(controller: Type, audited: boolean) {
  @Module({
    imports: audited ? [AuditModule.forRoot({ serviceName: "cats" })] : [],
    controllers: [controller],
  })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
  const config = new DocumentBuilder().setTitle("Cats").addBearerAuth().build();
  const document = SwaggerModule.createDocument(app, config);
  SwaggerModule.setup("api", app, document);
  await app.listen(0, "127.0.0.1");
  return { app, document, port: (app.getHttpServer().address() as AddressInfo).port };
}

describe("OpenAPI documents of @nestjs/swagger", () => {
  const directory = mkdtempSync(join(tmpdir(), "swagger-"));
  before(() => {
    log4js.configure(auditLogging({ directory, console: false }));
  });
  after(async () => {
    await audit.stop();
    await new Promise((resolve) => log4js.shutdown(resolve));
    rmSync(directory, { recursive: true });
  });

  it("are the same with our decorators and without, and routes are recorded", async () => {
    const plain = await documented(cats("nowhere"), false);
    await plain.app.close();
    assert.deepEqual(Object.keys(plain.document.paths), ["/cats", "/cats/{id}"]);
    assert.deepEqual(Object.keys(plain.document.components?.schemas ?? {}), ["Cat"]);

    for (const where of ["above", "below"] as const) {
      const controller = cats(where);
      const { app, document, port } = await documented(controller, true);
      assert.deepEqual(document, plain.document, where);
      const page = await fetchOnce(port, { path: "/api-json" });
      assert.deepEqual(JSON.parse(String(page.body)).paths, JSON.parse(JSON.stringify(plain.document.paths)));
      await fetchOnce(port, { path: "/cats/7" });
      await fetchOnce(port, { path: "/cats" });
      await app.close();
      const again = await documented(controller, false);
      assert.deepEqual(again.document, plain.document, `${where}, after audit has stopped`);
      await again.app.close();
    }

    const lines = readFileSync(join(directory, "api.log"), "utf8").trimEnd().split("\n");
    const looked = ["CatsController.one", { action: "cats", activity: "looked at cat 7" }];
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)).map(({ handler, extra }) => [handler, extra]),
      [[null, {}], looked, [null, {}], looked],
    );
  });
});
