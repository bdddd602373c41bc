/**
 * Everything that routing-controllers puts around an action: middlewares, interceptors, parameter decorators of the
 * application's own, the current user, authorization, validation, error handlers. They run as without us, and see the
 * same, on Express and on Koa; and each request has its one record.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { IsInt, IsString, Min } from "class-validator";
import log4js from "log4js";
import * as rc from "routing-controllers";
import { audit, auditLogging, AuditRoute } from "activity-audit";
import { routingControllersAdapter } from "#dist/adapters/routing-controllers";
import { runningRequests } from "#dist/capture/http/running";
import { fetchOnce } from "../support/http-client.js";
import { running } from "../support/http-server.js";

type Where = "above" | "below" | "nowhere";
type Decorator = ClassDecorator & MethodDecorator;
const none = (() => {}) as Decorator;

const seen: unknown[] = [];
const see = (part: string, ...what: unknown[]): void => void seen.push([part, ...what]);

interface User {
  readonly id: number;
  readonly roles: readonly string[];
}

function userOf(request: { headers: Record<string, string | undefined> }): User | undefined {
  const [, id] = /^Bearer user-(\d+)$/.exec(request.headers["authorization"] ?? "") ?? [];
  return id === undefined ? undefined : { id: Number(id), roles: id === "1" ? ["admin"] : [] };
}

class Admission {
  @IsString() name: string;
  @IsInt() @Min(0) age: number;
}

/** A parameter decorator of the application's own. */
function Agent(): ParameterDecorator {
  return rc.createParamDecorator({
    value: (action) => {
      see("parameter", action.request.url);
      return action.request.headers["user-agent"] as string;
    },
  }) as ParameterDecorator;
}

/** As a middleware of Express it is given a third argument, as one of Koa the second is the next. */
function passing(name: string) {
  return (...args: unknown[]): unknown => {
    see(name);
    return (args[2] ?? (args[1] as any))();
  };
}

class Envelope implements rc.InterceptorInterface {
  intercept(action: rc.Action, data: unknown): unknown {
    see("interceptor", action.request.url, data);
    return { data };
  }
}
rc.Interceptor()(Envelope);

function application(where: Where): Pick<rc.RoutingControllersOptions, "controllers" | "interceptors"> {
  const above = (options: object): Decorator =>
    where === "above" ? (AuditRoute(options) as Decorator) : none;
  const below = (options: object): Decorator =>
    where === "below" ? (AuditRoute(options) as Decorator) : none;

  @above({ extra: { ward: "north" } })
  @rc.JsonController("/patients")
  @rc.UseBefore(passing("before the class"))
  @below({ extra: { ward: "north" } })
  class Patients {
    @above({ action: "patient.read", activity: "read patient {params.id}" })
    @rc.Get("/:id")
    @rc.Header("x-kind", "patient")
    @rc.UseBefore(passing("before the action"))
    @below({ action: "patient.read", activity: "read patient {params.id}" })
    read(@rc.Param("id") id: number, @rc.CurrentUser() user: User, @Agent() agent: string): object {
      see("handler", id, user, agent);
      return { id, agent };
    }

    @above({ action: "patient.admit" })
    @rc.Post()
    @rc.HttpCode(202)
    @below({ action: "patient.admit" })
    admit(@rc.Body() body: Admission): object {
      see("handler", body, body.constructor.name);
      return body;
    }

    @above({ action: "patient.discharge" })
    @rc.Authorized("admin")
    @rc.Post("/:id/discharge")
    @below({ action: "patient.discharge" })
    async discharge(@rc.Param("id") id: string): Promise<object> {
      see("handler", id);
      return { discharged: id };
    }

    @above({ action: "patient.own" })
    @rc.UseInterceptor((_action: rc.Action, data: object) => ({ ...data, twice: true }))
    @rc.Get("/:id/own")
    @below({ action: "patient.own" })
    own(@rc.CurrentUser({ required: true }) user: User): object {
      return { of: user.id };
    }

    @above({ action: "patient.none" })
    @rc.Get("/:id/none")
    @rc.OnUndefined(410)
    @below({ action: "patient.none" })
    gone(): void {}

    @above({ action: "patient.move" })
    @rc.Post("/:id/move")
    @below({ action: "patient.move" })
    move(): never {
      throw new rc.HttpError(502, "no bed");
    }
  }
  return { controllers: [Patients], interceptors: [Envelope] };
}

const JSON_BODY = { "content-type": "application/json" };
const ADMIN = { authorization: "Bearer user-1" };
const NURSE = { authorization: "Bearer user-2" };
const CALLS = [
  { path: "/api/patients/7", headers: { ...ADMIN, "user-agent": "spec" } },
  { path: "/api/patients/seven", headers: ADMIN },
  {
    path: "/api/patients",
    method: "POST",
    headers: { ...NURSE, ...JSON_BODY },
    body: '{"name":"Zoë","age":4}',
  },
  {
    path: "/api/patients",
    method: "POST",
    headers: { ...NURSE, ...JSON_BODY },
    body: '{"name":"Zoë","age":-1}',
  },
  { path: "/api/patients/7/discharge", method: "POST", headers: ADMIN },
  { path: "/api/patients/7/discharge", method: "POST", headers: NURSE },
  { path: "/api/patients/7/own", headers: NURSE },
  { path: "/api/patients/7/own" },
  { path: "/api/patients/7/none", headers: ADMIN },
  { path: "/api/patients/7/move", method: "POST", headers: ADMIN },
  { path: "/api/nowhere", headers: ADMIN },
];

const ROUTE = "/api/patients/:id";
/** Route, handler, outcome, status, action, activity. */
const TOLD = [
  [ROUTE, "Patients.read", "success", 200, "patient.read", "read patient 7"],
  [ROUTE, "Patients.read", "failure", 400, "patient.read", undefined],
  ["/api/patients", "Patients.admit", "success", 202, "patient.admit", undefined],
  ["/api/patients", "Patients.admit", "failure", 400, "patient.admit", undefined],
  [`${ROUTE}/discharge`, "Patients.discharge", "success", 200, "patient.discharge", undefined],
  [`${ROUTE}/discharge`, "Patients.discharge", "denied", 403, "patient.discharge", undefined],
  [`${ROUTE}/own`, "Patients.own", "success", 200, "patient.own", undefined],
  [`${ROUTE}/own`, "Patients.own", "denied", 401, "patient.own", undefined],
  [`${ROUTE}/none`, "Patients.gone", "success", 200, "patient.none", undefined],
  [`${ROUTE}/move`, "Patients.move", "failure", 502, "patient.move", undefined],
  [null, null, "failure", 404, undefined, undefined],
];

type Create = (options: rc.RoutingControllersOptions) => {
  listen(port: number, host: string): Server;
  set?(name: string, value: string): void;
  silent?: boolean;
};

async function run(create: Create, where: Where): Promise<{ seen: unknown[]; answers: unknown[] }> {
  seen.length = 0;
  // A route that two classes have is nobody's.
  const storage = rc.getMetadataArgsStorage();
  storage.actions.length = 0;
  storage.controllers.length = 0;
  const app = create({
    ...application(where),
    routePrefix: "/api",
    middlewares: where === "nowhere" ? [] : [routingControllersAdapter(runningRequests)],
    currentUserChecker: ({ request }) => userOf(request),
    authorizationChecker: ({ request }, roles) => {
      see("authorization", roles);
      return roles.every((role) => userOf(request)?.roles.includes(role));
    },
    validation: true,
    classTransformer: true,
  });
  // Else both print every error.
  app.set?.("env", "test");
  app.silent = true;
  const { port, close } = await running(app.listen(0, "127.0.0.1"));
  const answers: unknown[] = [];
  for (const { path, ...options } of CALLS) {
    const answer = await fetchOnce(port, { path, ...options });
    const { date: _date, ...headers } = answer.headers;
    // Stacks name lines of this file.
    answers.push([
      path,
      answer.status,
      headers["content-type"],
      answer.body.toString().replace(/"stack":.*/s, ""),
    ]);
  }
  await close();
  return { seen: [...seen], answers };
}

const frameworks: Record<string, Create> = {
  Express: rc.createExpressServer as unknown as Create,
  Koa: rc.createKoaServer as unknown as Create,
};

for (const [name, create] of Object.entries(frameworks)) {
  describe(`what routing-controllers puts around an action, on ${name}`, () => {
    let directory: string;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), "rc-parts-"));
      log4js.configure(auditLogging({ directory, console: false }));
    });
    after(async () => {
      await audit.stop();
      await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
      rmSync(directory, { recursive: true });
    });

    it("runs and sees what it does without us, and each request is recorded once", async () => {
      const alone = await run(create, "nowhere");
      assert.ok(alone.seen.length > 20, String(alone.seen.length));
      audit.start({ serviceName: "spec" });
      assert.deepEqual(await run(create, "above"), alone);
      assert.deepEqual(await run(create, "below"), alone);
      await audit.flush();
      const records = readFileSync(join(directory, "api.log"), "utf8").split("\n").filter(Boolean);
      const told = records.map((line) => {
        const { route, handler, outcome, response_repr: answer, extra } = JSON.parse(line);
        return [route, handler, outcome, answer.status_code, extra.action, extra.activity];
      });
      assert.deepEqual(told, [...TOLD, ...TOLD]);
      assert.deepEqual(audit.health().faults, []);
    });
  });
}
