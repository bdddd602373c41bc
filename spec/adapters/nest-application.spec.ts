/**
 * A Nest application as its guides have it, with TypeORM and Passport, decorated: everything is found by itself, and
 * all that one request caused is one tree in the files.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  Body,
  Controller,
  HttpCode,
  Inject,
  Injectable,
  Module,
  Post,
  Req,
  UnauthorizedException,
  UseGuards,
  type INestApplication,
} from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { AuthGuard, PassportModule, PassportStrategy } from "@nestjs/passport";
import { InjectRepository, TypeOrmModule } from "@nestjs/typeorm";
import { audit as runtime, AuditEntity, auditLogging, AuditRoute } from "activity-audit";
import { AuditModule, AuditService } from "activity-audit/nest";
import log4js from "log4js";
import { Strategy } from "passport-local";
import { Column, Entity, PrimaryGeneratedColumn, type Repository } from "typeorm";
import { fetchOnce, type Answer } from "../support/http-client.js";

@Entity()
@AuditEntity()
class Patient {
  @PrimaryGeneratedColumn()
  id: number;

  @Column()
  name: string;
}

@Injectable()
class LocalStrategy extends PassportStrategy(Strategy) {
  validate(username: string, password: string): object {
    if (password !== "open") throw new UnauthorizedException("wrong password");
    return { id: 7, username };
  }
}

@Controller()
class Patients {
  constructor(
    @InjectRepository(Patient) private readonly patients: Repository<Patient>,
    @Inject(AuditService) private readonly audit: AuditService,
  ) {}

  @Post("patients")
  @AuditRoute({ action: "patient.admit", activity: "admitted {body.name}" })
  @UseGuards(AuthGuard("local"))
  async admit(@Body() body: { name: string }, @Req() _request: unknown): Promise<Patient> {
    const patient = await this.patients.save({ name: body.name });
    this.audit.record({ action: "bed.assign", target: { type: "Bed", id: 4 } });
    return patient;
  }

  @Post("login")
  @HttpCode(200)
  @UseGuards(AuthGuard("local"))
  login(): string {
    return "welcome";
  }
}

type Line = Record<string, any>;

describe("AuditService", () => {
  it("has what audit has, but for what the module sees to", () => {
    const { constructor: _, ...methods } = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(runtime));
    const own = ["start", "stop", "express", "koa"];
    assert.deepEqual(
      Object.keys(new AuditService()).toSorted(),
      Object.keys(methods)
        .filter((name) => !own.includes(name))
        .toSorted(),
    );
  });
});

describe("a Nest application with TypeORM and Passport", () => {
  const directory = mkdtempSync(join(tmpdir(), "audit-nest-"));
  let app: INestApplication;
  let port: number;

  before(async () => {
    log4js.configure(auditLogging({ directory, serviceName: "clinic", console: false }));
    @Module({
      imports: [
        AuditModule.forRootAsync({
          useFactory: async () => ({
            serviceName: "clinic",
            actor: (request: { user?: { id: number; username: string } }) => request.user,
          }),
        }),
        TypeOrmModule.forRoot({ type: "sqljs", entities: [Patient], synchronize: true }),
        TypeOrmModule.forFeature([Patient]),
        PassportModule,
      ],
      controllers: [Patients],
      providers: [LocalStrategy],
    })
    class AppModule {}
    app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
    await app.listen(0, "127.0.0.1");
    port = (app.getHttpServer().address() as AddressInfo).port;
  });
  after(async () => {
    await new Promise((resolve) => log4js.shutdown(resolve));
    rmSync(directory, { recursive: true });
  });

  function post(path: string, body: object): Promise<Answer> {
    const headers = { "content-type": "application/json" };
    return fetchOnce(port, { method: "POST", path, headers, body: JSON.stringify(body) });
  }

  function written(file: string): Line[] {
    const text = readFileSync(join(directory, file), "utf8");
    return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Line]));
  }

  it("writes each request with its rows, events and logins, all of one person, and loses none when it closes", async () => {
    const admitted = await post("/patients", { name: "Zoë", username: "ana", password: "open" });
    const refused = await post("/login", { username: "ana", password: "wrong" });
    await app.close();

    assert.deepEqual([admitted.status, refused.status], [201, 401]);
    const requests = written("api.log").filter(({ name }) => name === "audit.request");
    assert.deepEqual(
      requests.map(({ route, handler, outcome, user, extra }) => [route, handler, outcome, user, extra]),
      [
        [
          "/patients",
          "Patients.admit",
          "success",
          { id: 7, username: "ana" },
          { action: "patient.admit", activity: "admitted Zoë" },
        ],
        ["/login", "Patients.login", "denied", null, {}],
      ],
    );
    const [admit] = requests;
    const caused = written("audit.log").filter(({ parent_id: parent }) => parent === admit?.["record_id"]);
    assert.deepEqual(
      caused.map(({ name, event_type: type, action, user, request_id: id }) => [
        name,
        type ?? action,
        user,
        id,
      ]),
      [
        ["audit.crud", "CREATE", { id: 7, username: "ana" }, admit?.["request_id"]],
        ["audit.event", "bed.assign", { id: 7, username: "ana" }, admit?.["request_id"]],
      ],
    );
    assert.deepEqual(
      written("login.log").map(({ event, success, error, user, extra }) => [
        event,
        success,
        error,
        user,
        extra,
      ]),
      [
        ["login", true, null, { id: 7, username: "ana" }, { strategy: "local", attempted: "ana" }],
        ["login", false, "wrong password", null, { strategy: "local", attempted: "ana" }],
      ],
    );
    assert.ok(!JSON.stringify(requests).includes("open"), "passwords are not written");
  });
});
