/**
 * Everything that Nest puts around a handler: middleware, guards, interceptors, pipes, parameter decorators, filters,
 * providers of one request. In an application with us, decorated above or below, they run as in one without us, and see
 * the same; and each request has its one record, whoever of them answered it.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import {
  BadGatewayException,
  Body,
  CallHandler,
  CanActivate,
  Catch,
  Controller,
  createParamDecorator,
  ExecutionContext,
  Get,
  Header,
  HttpCode,
  HttpException,
  Inject,
  Injectable,
  Module,
  NestInterceptor,
  Param,
  ParseIntPipe,
  Post,
  Redirect,
  Scope,
  SetMetadata,
  UnauthorizedException,
  UseFilters,
  UseInterceptors,
  ValidationPipe,
  type ArgumentsHost,
  type ExceptionFilter,
  type MiddlewareConsumer,
  type NestModule,
  type PipeTransform,
  type Type,
} from "@nestjs/common";
import {
  APP_FILTER,
  APP_GUARD,
  APP_INTERCEPTOR,
  APP_PIPE,
  NestFactory,
  Reflector,
  REQUEST,
} from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { audit, auditLogging, AuditRoute } from "activity-audit";
import { AuditModule } from "activity-audit/nest";
import { Type as TypeOf } from "class-transformer";
import { IsInt, IsString, Min } from "class-validator";
import log4js from "log4js";
import { catchError, map, of, tap, throwError, type Observable } from "rxjs";
import { fetchOnce } from "../support/http-client.js";

type Where = "above" | "below" | "nowhere";
type Decorator = ClassDecorator & MethodDecorator;
const none = (() => {}) as Decorator;

/** What ran, in which order, and what it saw; of the application that is tried at the moment. */
const seen: unknown[] = [];
const see = (part: string, ...what: unknown[]): void => void seen.push([part, ...what]);

const userOf = (context: ExecutionContext): { id: number; roles: string[] } | undefined =>
  context.switchToHttp().getRequest().user;

const seeMethod = (request: { method: string }, _response: unknown, next: () => void): void => {
  see("middleware", request.method);
  next();
};

/** As a guard for JSON web tokens does: it lets in, and says who it is. */
@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest();
    see("token guard", context.getClass().name, context.getHandler().name);
    const [, id] = /^Bearer user-(\d+)$/.exec(request.headers.authorization ?? "") ?? [];
    if (id === undefined) throw new UnauthorizedException("no token");
    request.user = { id: Number(id), roles: id === "1" ? ["admin"] : [] };
    return true;
  }
}

@Injectable()
class RolesGuard implements CanActivate {
  constructor(@Inject(Reflector) private readonly reflector: Reflector) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const roles = this.reflector.getAllAndOverride<string[] | undefined>("roles", targets);
    see("roles guard", roles, this.reflector.getAllAndMerge("roles", targets));
    return roles === undefined || roles.some((role) => userOf(context)?.roles.includes(role));
  }
}

@Injectable()
class Enveloping implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    see("envelope, before", context.getHandler().name);
    return next.handle().pipe(
      map((data: unknown) => ({ data })),
      tap((data) => see("envelope, after", data)),
    );
  }
}

class Mapping implements NestInterceptor {
  intercept(_context: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(
      catchError((error: Error) => {
        see("mapping", error.message);
        return throwError(() => new BadGatewayException("the ward is closed"));
      }),
    );
  }
}

class Cached implements NestInterceptor {
  intercept(): Observable<unknown> {
    see("cache");
    return of({ from: "cache" });
  }
}

class Doubling implements PipeTransform<number, number> {
  transform(value: number): number {
    see("pipe", value);
    return value * 2;
  }
}

@Catch()
class Filter implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    see("filter", error.constructor.name, error.message);
    const response = host.switchToHttp().getResponse();
    const status = error instanceof HttpException ? error.getStatus() : 500;
    response.status(status).header("x-filtered", "yes").send({ message: error.message });
  }
}

class Teapot implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost): void {
    see("own filter", error.message);
    host.switchToHttp().getResponse().status(418).send({ short: "and stout" });
  }
}

const User = createParamDecorator((field: string | undefined, context: ExecutionContext) => {
  const user = userOf(context) as Record<string, unknown> | undefined;
  see("parameter", field, user);
  return field ? user?.[field] : user;
});

@Injectable({ scope: Scope.REQUEST })
class OfThisRequest {
  constructor(@Inject(REQUEST) readonly request: { url: string; user?: { id: number } }) {}
}

class Admission {
  @IsString() name: string;
  @IsInt() @Min(0) @TypeOf(() => Number) age: number;
}

function controllers(where: Where): Type[] {
  const above = (options: object): Decorator =>
    where === "above" ? (AuditRoute(options) as Decorator) : none;
  const below = (options: object): Decorator =>
    where === "below" ? (AuditRoute(options) as Decorator) : none;

  @above({ extra: { ward: "north" } })
  @Controller("patients")
  @SetMetadata("roles", undefined)
  @below({ extra: { ward: "north" } })
  class Patients {
    @above({ action: "patient.read", activity: "read patient {params.id}" })
    @Get(":id")
    @Header("x-kind", "patient")
    @below({ action: "patient.read", activity: "read patient {params.id}" })
    read(
      @Param("id", ParseIntPipe, Doubling) id: number,
      @User() user: object,
      @User("id") own: number,
    ): object {
      see("handler", id, user, own);
      return { id, own };
    }

    @above({ action: "patient.admit" })
    @Post()
    @HttpCode(202)
    @below({ action: "patient.admit" })
    admit(@Body() body: Admission): object {
      see("handler", body, body.constructor.name);
      return body;
    }

    @above({ action: "patient.discharge" })
    @SetMetadata("roles", ["admin"])
    @Post(":id/discharge")
    @below({ action: "patient.discharge" })
    discharge(@Param("id") id: string): object {
      see("handler", id);
      return { discharged: id };
    }

    @above({ action: "patient.move" })
    @UseInterceptors(Mapping)
    @Post(":id/move")
    @below({ action: "patient.move" })
    async move(): Promise<never> {
      see("handler");
      throw new Error("no bed");
    }

    @above({ action: "patient.cached" })
    @UseInterceptors(Cached)
    @Get(":id/cached")
    @below({ action: "patient.cached" })
    cached(): never {
      throw new Error("is never called");
    }

    @above({ action: "patient.pot" })
    @UseFilters(Teapot)
    @Get(":id/pot")
    @below({ action: "patient.pot" })
    pot(): never {
      throw new Error("no coffee");
    }

    @above({ action: "patient.old" })
    @Get(":id/old")
    @Redirect("/api/patients/7", 301)
    @below({ action: "patient.old" })
    old(): void {}
  }

  @above({ action: "own" })
  @Controller({ path: "own", scope: Scope.REQUEST })
  @below({ action: "own" })
  class Own {
    constructor(@Inject(OfThisRequest) private readonly own: OfThisRequest) {}

    @Get()
    read(): object {
      see("handler", this.own.request.url);
      return { user: this.own.request.user };
    }
  }
  return [Patients, Own];
}

const CALLS = [
  { path: "/api/patients/7", authorization: "Bearer user-1" },
  { path: "/api/patients/7" },
  { path: "/api/patients/seven", authorization: "Bearer user-2" },
  { path: "/api/patients", method: "POST", authorization: "Bearer user-2", body: '{"name":"Zoë","age":"4"}' },
  { path: "/api/patients", method: "POST", authorization: "Bearer user-2", body: '{"name":"Zoë","age":-1}' },
  { path: "/api/patients/7/discharge", method: "POST", authorization: "Bearer user-1" },
  { path: "/api/patients/7/discharge", method: "POST", authorization: "Bearer user-2" },
  { path: "/api/patients/7/move", method: "POST", authorization: "Bearer user-1" },
  { path: "/api/patients/7/cached", authorization: "Bearer user-1" },
  { path: "/api/patients/7/pot", authorization: "Bearer user-1" },
  { path: "/api/patients/7/old", authorization: "Bearer user-1" },
  { path: "/api/own", authorization: "Bearer user-3" },
  { path: "/api/nowhere", authorization: "Bearer user-1" },
];

const READ = { ward: "north", action: "patient.read" };
/** Route, handler, outcome, status, who, and what the decorators say. */
const TOLD = [
  ["/api/patients/:id", "Patients.read", "success", 200, 1, { ...READ, activity: "read patient 7" }],
  ["/api/patients/:id", "Patients.read", "denied", 401, null, READ],
  ["/api/patients/:id", "Patients.read", "failure", 400, 2, READ],
  ["/api/patients", "Patients.admit", "success", 202, 2, { ward: "north", action: "patient.admit" }],
  ["/api/patients", "Patients.admit", "failure", 400, 2, { ward: "north", action: "patient.admit" }],
  ["/api/patients/:id/discharge", "Patients.discharge", "success", 201, 1, "patient.discharge"],
  ["/api/patients/:id/discharge", "Patients.discharge", "denied", 403, 2, "patient.discharge"],
  ["/api/patients/:id/move", "Patients.move", "failure", 502, 1, "patient.move"],
  ["/api/patients/:id/cached", "Patients.cached", "success", 200, 1, "patient.cached"],
  ["/api/patients/:id/pot", "Patients.pot", "failure", 418, 1, "patient.pot"],
  ["/api/patients/:id/old", "Patients.old", "success", 301, 1, "patient.old"],
  ["/api/own", "Own.read", "success", 200, 3, { action: "own" }],
  [null, null, "failure", 404, null, {}],
].map((told) =>
  typeof told[5] === "string" ? [...told.slice(0, 5), { ward: "north", action: told[5] }] : told,
);

async function run(
  platform: "express" | "fastify",
  where: Where,
): Promise<{ seen: unknown[]; answers: unknown[] }> {
  seen.length = 0;
  @Module({
    imports: where === "nowhere" ? [] : [AuditModule.forRoot()],
    controllers: controllers(where),
    providers: [
      OfThisRequest,
      { provide: APP_GUARD, useClass: TokenGuard },
      { provide: APP_GUARD, useClass: RolesGuard },
      { provide: APP_INTERCEPTOR, useClass: Enveloping },
      { provide: APP_PIPE, useValue: new ValidationPipe({ transform: true, whitelist: true }) },
      { provide: APP_FILTER, useClass: Filter },
    ],
  })
  class AppModule implements NestModule {
    configure(consumer: MiddlewareConsumer): void {
      consumer.apply(seeMethod).forRoutes("patients");
    }
  }
  const options = { logger: false, forceCloseConnections: true } as const;
  const app =
    platform === "express"
      ? await NestFactory.create(AppModule, options)
      : await NestFactory.create(AppModule, new FastifyAdapter(), options);
  app.setGlobalPrefix("api");
  await app.listen(0, "127.0.0.1");
  const { port } = app.getHttpServer().address() as AddressInfo;
  const answers: unknown[] = [];
  for (const { path, method = "GET", authorization, body } of CALLS) {
    const headers = {
      ...(authorization && { authorization }),
      ...(body && { "content-type": "application/json" }),
    };
    const answer = await fetchOnce(port, { path, method, headers, ...(body && { body }) });
    const { date: _date, ...others } = answer.headers;
    answers.push([path, answer.status, others, answer.body.toString()]);
  }
  await app.close();
  return { seen: [...seen], answers };
}

for (const platform of ["express", "fastify"] as const) {
  describe(`what Nest puts around a handler, on ${platform}`, () => {
    let directory: string;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), "nest-parts-"));
      log4js.configure(auditLogging({ directory, console: false }));
    });
    after(async () => {
      await audit.stop();
      await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
      rmSync(directory, { recursive: true });
    });

    it("runs and sees what it does without us, and each request is recorded once", async () => {
      const alone = await run(platform, "nowhere");
      assert.ok(alone.seen.length > 50, String(alone.seen.length));
      audit.start({ serviceName: "spec", actor: (request) => request.user && { id: request.user.id } });
      assert.deepEqual(await run(platform, "above"), alone);
      assert.deepEqual(await run(platform, "below"), alone);
      await audit.flush();
      const records = readFileSync(join(directory, "api.log"), "utf8").split("\n").filter(Boolean);
      const told = records.map((line) => {
        const { route, handler, outcome, response_repr: answer, user, extra } = JSON.parse(line);
        return [route, handler, outcome, answer.status_code, user?.id ?? null, extra];
      });
      assert.deepEqual(told, [...TOLD, ...TOLD]);
      assert.deepEqual(audit.health().faults, []);
    });
  });
}
