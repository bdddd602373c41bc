import "reflect-metadata";
import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  Body,
  Controller,
  ForbiddenException,
  Get,
  Header,
  HttpCode,
  Inject,
  Injectable,
  Module,
  Param,
  ParseIntPipe,
  Post,
  Redirect,
  Req,
  Res,
  Scope,
  Sse,
  StreamableFile,
  UnauthorizedException,
  UseGuards,
  type CanActivate,
  type INestApplication,
} from "@nestjs/common";
import { NestFactory, REQUEST } from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { Test } from "@nestjs/testing";
import type { FastifyInstance } from "fastify";
import { interval, map, type Observable } from "rxjs";
import { nestAdapter, type NestRuntime } from "#dist/adapters/nest";
import type { Requests } from "#dist/capture/http/running";
import { AuditRoute, NoAudit } from "#dist/decorate/route";
import { fetchOnce } from "../support/http-client.js";
import { checkedOften, STYLE_SHEET } from "../support/http-server.js";
import { collect, textOf } from "../support/requests.js";
import { behaviours } from "./behaviours.js";

type Platform = "express" | "fastify";

class Denied implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

class Unknown implements CanActivate {
  canActivate(): never {
    throw new UnauthorizedException("who are you");
  }
}

let see: (path: string) => void = () => {};

/** As libraries and applications write them: the function in the method's place has no name. */
function Timed(): MethodDecorator {
  return (_target, _name, descriptor: PropertyDescriptor) => {
    const method = descriptor.value as Function;
    descriptor.value = function (this: unknown, ...args: unknown[]): unknown {
      return Reflect.apply(method, this, args);
    };
  };
}

@Controller()
class PatientsController {
  @Get("patients/:id")
  async find(@Param("id", ParseIntPipe) id: number): Promise<object> {
    see(`/patients/${id}`);
    await sleep(1);
    return { id };
  }

  @Post("patients")
  create(@Body() created: object): object {
    see("/patients");
    return { created };
  }

  @Get("unauthorized")
  @UseGuards(Unknown)
  unauthorized(): void {}

  @Get("forbidden")
  @UseGuards(Denied)
  forbidden(): void {}

  @Get("broken")
  broken(): never {
    throw new Error("broken");
  }

  @Get("rejected")
  async rejected(): Promise<never> {
    await sleep(1);
    throw new Error("rejected");
  }

  @Get("moved")
  @Redirect("/patients/7")
  moved(): void {}

  @Get("empty")
  @HttpCode(204)
  empty(): void {}

  @Get("app.css")
  styleSheet(): StreamableFile {
    return new StreamableFile(createReadStream(STYLE_SHEET), { type: "text/css" });
  }

  @Get("health")
  health(): string {
    return "ok";
  }

  @Get("stream")
  @Header("content-type", "application/octet-stream")
  stream(): StreamableFile {
    return new StreamableFile(
      Readable.from(Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, 97 + (n % 26)))),
    );
  }

  @Sse("events")
  events(): Observable<{ data: string }> {
    return interval(5).pipe(map((n) => ({ data: String(n + 1) })));
  }

  @Get("unchanged")
  @HttpCode(304)
  @Header("ETag", '"7"')
  unchanged(): void {}

  @Get("trickle")
  trickle(@Res() response: any): void {
    response.hijack?.();
    (response.raw ?? response).write("first");
  }

  @Get("hang")
  hang(@Res() _response: unknown): void {
    see("/hang");
  }

  @Get("twice")
  twice(@Res() response: any): void {
    response.send("once");
    (response.raw ?? response).on("error", () => {}).end("twice");
  }

  @Get("timed")
  @AuditRoute({ action: "patient.time", bodies: false })
  @Timed()
  timed(): string {
    return "now";
  }

  @Get("unseen")
  @Timed()
  @NoAudit()
  unseen(): string {
    return "now";
  }

  @Post("upload")
  @HttpCode(200)
  async upload(@Req() request: any): Promise<object> {
    let bytes = 0;
    for await (const chunk of request.raw ?? request) bytes += (chunk as Buffer).length;
    return { bytes };
  }
}

/** The runtime, as far as the module drives it. */
class Runtime implements NestRuntime<{ name: string }> {
  readonly calls: unknown[] = [];
  start(options: { name: string }): void {
    this.calls.push(["start", options.name]);
  }
  attach(dataSource: object): () => void {
    this.calls.push(["attach", dataSource]);
    return () => this.calls.push(["detach"]);
  }
  async flush(): Promise<void> {
    this.calls.push(["flush"]);
  }
  async stop(): Promise<void> {
    this.calls.push(["stop"]);
  }
}

@Injectable()
class AuditService {
  readonly says = "hello";
}

async function application(
  platform: Platform,
  requests: Requests,
  runtime = new Runtime(),
): Promise<INestApplication> {
  const AuditModule = nestAdapter(runtime, AuditService, requests);
  @Module({ imports: [AuditModule.forRoot({ name: "clinic" })], controllers: [PatientsController] })
  class AppModule {}
  const options = { logger: false, forceCloseConnections: true } as const;
  if (platform === "express") {
    const app = await NestFactory.create(AppModule, options);
    app.use(authenticate);
    return app;
  }
  const adapter = new FastifyAdapter({ bodyLimit: 100_000 });
  const app = await NestFactory.create(AppModule, adapter, options);
  const instance: FastifyInstance = adapter.getInstance();
  instance.addHook("onRequest", async (request) => authenticate(request));
  instance.addContentTypeParser("multipart/form-data", (_request, _payload, done) => done(null));
  return app;
}

function authenticate(request: any, _response?: unknown, next?: () => void): void {
  const id = request.headers["x-user"];
  if (id) request.user = { id };
  next?.();
}

async function listening(app: INestApplication): Promise<number> {
  await app.listen(0, "127.0.0.1");
  return (app.getHttpServer().address() as AddressInfo).port;
}

for (const platform of ["express", "fastify"] as const) {
  behaviours({
    name: `Nest on ${platform}`,
    routes: true,
    errors: true,
    async start(requests, seen) {
      see = seen;
      const app = await application(platform, requests);
      checkedOften(app.getHttpServer());
      const port = await listening(app);
      return {
        server: app.getHttpServer(),
        port,
        close: async () => {
          app.getHttpServer().closeAllConnections();
          await app.close();
        },
      };
    },
  });

  describe(`Nest's own parts on ${platform}`, () => {
    it("name a handler by where it stands, also where another function stands for it", async () => {
      const { capture, wait } = collect();
      const app = await application(platform, () => capture);
      const port = await listening(app);
      await fetchOnce(port, { path: "/timed" });
      await fetchOnce(port, { path: "/unseen" });
      await app.close();
      assert.deepEqual(
        (await wait(1)).map(({ url, handler, action, responseBody }) => [url, handler, action, responseBody]),
        [["/timed", "PatientsController.timed", "patient.time", null]],
      );
    });

    it("name the handler of every request that was routed, refused ones included", async () => {
      const { capture, wait } = collect();
      const app = await application(platform, () => capture);
      app.useGlobalGuards({
        canActivate: (context: any) => {
          if (context.switchToHttp().getRequest().headers["x-blocked"]) throw new ForbiddenException();
          return true;
        },
      });
      const port = await listening(app);
      await fetchOnce(port, { path: "/patients/7", headers: { "x-blocked": "yes" } });
      await fetchOnce(port, { path: "/forbidden" });
      await fetchOnce(port, { path: "/patients/x" });
      await app.close();
      assert.deepEqual(
        (await wait(3)).map(({ handler, route, outcome, error }) => [
          handler,
          route,
          outcome,
          (error as Error | null)?.message ?? null,
        ]),
        [
          ["PatientsController.find", "/patients/:id", "denied", null],
          ["PatientsController.forbidden", "/forbidden", "denied", null],
          [
            "PatientsController.find",
            "/patients/:id",
            "failure",
            "Validation failed (numeric string is expected)",
          ],
        ],
      );
    });
  });
}

for (const platform of ["express", "fastify"] as const) {
  describe(`A testing module on ${platform}`, () => {
    it("has its requests recorded, though it is given its adapter last", async () => {
      const { capture, wait } = collect();
      const AuditModule = nestAdapter(new Runtime(), AuditService, () => capture);
      const module = await Test.createTestingModule({
        imports: [AuditModule.forRoot({ name: "clinic" })],
        controllers: [PatientsController],
      }).compile();
      const app: INestApplication =
        platform === "express"
          ? module.createNestApplication()
          : module.createNestApplication(new FastifyAdapter());
      const port = await listening(app);
      const headers = { "content-type": "application/json" };
      await fetchOnce(port, { method: "POST", path: "/patients", headers, body: '{"name":' });
      await fetchOnce(port, { path: "/patients/7" });
      await app.close();
      assert.deepEqual(
        (await wait(2)).map(({ url, status, route, handler, requestBody }) => [
          url,
          status,
          route,
          handler,
          textOf(requestBody),
        ]),
        [
          ["/patients", 400, platform === "express" ? null : "/patients", null, '{"name":'],
          ["/patients/7", 200, "/patients/:id", "PatientsController.find", ""],
        ],
      );
    });
  });
}

describe("AuditModule", () => {
  /** What a DataSource looks like. */
  const dataSource = { createQueryRunner: () => {}, options: {}, entityMetadatas: [] };

  it("starts with options made elsewhere, finds DataSources, and stops after the last request", async () => {
    const runtime = new Runtime();
    const AuditModule = nestAdapter(runtime, AuditService, () => undefined);
    @Module({ providers: [{ provide: "CONFIG", useValue: { name: "ward" } }], exports: ["CONFIG"] })
    class ConfigModule {}
    @Injectable()
    class Ward {
      constructor(@Inject(AuditService) readonly audit: AuditService) {}
    }
    @Module({
      imports: [
        AuditModule.forRootAsync({
          imports: [ConfigModule],
          inject: ["CONFIG"],
          useFactory: async (config: { name: string }) => config,
        }),
      ],
      providers: [Ward, { provide: "DB", useFactory: async () => dataSource }],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    assert.equal(app.get(Ward).audit.says, "hello");
    assert.deepEqual(runtime.calls, [
      ["start", "ward"],
      ["attach", dataSource],
    ]);
    await app.close();
    assert.deepEqual(runtime.calls.slice(2), [["detach"], ["stop"]]);
  });

  it("looks at every provider, and leaves be what it cannot record and what cannot be looked at", async () => {
    const runtime = new Runtime();
    const AuditModule = nestAdapter(runtime, AuditService, () => undefined);
    @Injectable({ scope: Scope.REQUEST })
    class Tenant {
      constructor(@Inject(REQUEST) private readonly request: { headers: { tenant: string } }) {}
      get name(): string {
        return this.request.headers.tenant;
      }
    }
    @Module({
      imports: [AuditModule.forRoot({ name: "clinic" })],
      providers: [
        Tenant,
        { provide: "DOCUMENTS", useValue: { ...dataSource, options: { type: "mongodb" } } },
        { provide: "DB", useValue: dataSource },
      ],
    })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, {
      logger: false,
      abortOnError: false,
    });
    await app.close();
    assert.deepEqual(runtime.calls, [["start", "clinic"], ["attach", dataSource], ["detach"], ["stop"]]);
  });

  it("only flushes an audit that was started elsewhere", async () => {
    const runtime = new Runtime();
    const AuditModule = nestAdapter(runtime, AuditService, () => undefined);
    @Module({ imports: [AuditModule.forRoot()] })
    class AppModule {}
    const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
    await app.close();
    assert.deepEqual(runtime.calls, [["flush"]]);
  });
});
