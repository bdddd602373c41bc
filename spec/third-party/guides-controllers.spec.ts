/**
 * The controllers of the frameworks' own guides, decorated and not: same answers, and a whole record of each request.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import type { Server } from "node:http";
import { describe, it } from "node:test";
import * as nest from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import * as rc from "routing-controllers";
import { AuditRoute } from "activity-audit";
import { nestAdapter } from "#dist/adapters/nest";
import { routingControllersAdapter } from "#dist/adapters/routing-controllers";
import type { RequestEvent } from "#dist/capture/event";
import type { Requests } from "#dist/capture/http/running";
import { buildRequest } from "#dist/record/request";
import { fetchOnce } from "../support/http-client.js";
import { running } from "../support/http-server.js";
import { collect } from "../support/requests.js";
import { assertRecord } from "../support/schema.js";

/** `AuditRoute` where we are there, and nothing where we are not. */
type Decorate = (options: { action: string; activity?: string }) => MethodDecorator;
const withUs = AuditRoute as unknown as Decorate;
const without: Decorate = () => () => {};

/** https://docs.nestjs.com/controllers and /providers: the cats. */
async function startCats(requests?: Requests): Promise<{ server: Server; close(): Promise<void> }> {
  const Route = requests ? withUs : without;
  class CatsService {
    readonly cats: object[] = [];
  }
  @nest.Controller("cats")
  class CatsController {
    constructor(@nest.Inject(CatsService) private readonly service: CatsService) {}

    @nest.Post()
    @nest.HttpCode(201)
    @Route({ action: "cat.create", activity: "brought {body.name}" })
    create(@nest.Body() cat: object): void {
      this.service.cats.push(cat);
    }

    @nest.Get()
    @Route({ action: "cat.list" })
    async findAll(): Promise<object[]> {
      return this.service.cats;
    }

    @Route({ action: "cat.read" })
    @nest.Get(":id")
    findOne(@nest.Param("id", nest.ParseIntPipe) id: number): string {
      return `This action returns a #${id} cat`;
    }
  }
  class Service {
    readonly audited = true;
  }
  const runtime = { start() {}, attach: () => () => {}, flush: async () => {}, stop: async () => {} };
  const imports = requests ? [nestAdapter(runtime, Service, requests).forRoot()] : [];
  @nest.Module({ imports, controllers: [CatsController], providers: [CatsService] })
  class AppModule {}
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, "127.0.0.1");
  return { server: app.getHttpServer() as Server, close: () => app.close() };
}

/** https://github.com/typestack/routing-controllers: the users of its README. */
async function startUsers(requests?: Requests): Promise<{ server: Server; close(): Promise<void> }> {
  const Route = requests ? withUs : without;
  // A route that two classes have is nobody's.
  rc.getMetadataArgsStorage().reset();
  @rc.JsonController()
  class UserController {
    @rc.Get("/users")
    @Route({ action: "user.list" })
    getAll(): object[] {
      return [{ id: 1 }, { id: 2 }];
    }

    @Route({ action: "user.read" })
    @rc.Get("/users/:id")
    getOne(@rc.Param("id") id: number): object {
      return { id };
    }

    @rc.Post("/users")
    @Route({ action: "user.create", activity: "registered {body.name}" })
    post(@rc.Body() user: object): object {
      return { ...user, id: 3 };
    }
  }
  const app = rc.createExpressServer({
    controllers: [UserController],
    middlewares: requests ? [routingControllersAdapter(requests)] : [],
  });
  const { server, close } = await running(app.listen(0, "127.0.0.1"));
  return { server, close };
}

const JSON_BODY = { "Content-Type": "application/json" };
const guides = {
  "Nest: the cats": {
    start: startCats,
    calls: [
      { path: "/cats", method: "POST", headers: JSON_BODY, body: '{"name":"Tom","age":3}' },
      { path: "/cats" },
      { path: "/cats/7" },
      { path: "/cats/seven" },
    ],
    told: [
      {
        route: "/cats",
        handler: "CatsController.create",
        extra: { action: "cat.create", activity: "brought Tom" },
      },
      { route: "/cats", handler: "CatsController.findAll", extra: { action: "cat.list" } },
      { route: "/cats/:id", handler: "CatsController.findOne", extra: { action: "cat.read" } },
      { route: "/cats/:id", handler: "CatsController.findOne", extra: { action: "cat.read" } },
    ],
  },
  "routing-controllers: the users": {
    start: startUsers,
    calls: [
      { path: "/users" },
      { path: "/users/7" },
      { path: "/users", method: "POST", headers: JSON_BODY, body: '{"name":"Zoë"}' },
      { path: "/nobody" },
    ],
    told: [
      { route: "/users", handler: "UserController.getAll", extra: { action: "user.list" } },
      { route: "/users/:id", handler: "UserController.getOne", extra: { action: "user.read" } },
      {
        route: "/users",
        handler: "UserController.post",
        extra: { action: "user.create", activity: "registered Zoë" },
      },
      { route: null, handler: null, extra: {}, failed: false },
    ],
  },
};

describe("decorated controllers of the frameworks' guides", { timeout: 120_000 }, () => {
  for (const [name, { start, calls, told }] of Object.entries(guides)) {
    it(name, async () => {
      const bare = await answers(await start(), calls);
      const { capture, wait } = collect();
      const audited = await answers(await start(() => capture), calls);
      const events = await wait(calls.length);
      capture.stop();
      assert.deepEqual(audited, bare);
      assert.deepEqual(
        events.map(recordOf),
        audited.map((answer, at) => expected(calls[at]!, answer, told[at]!)),
      );
    });
  }
});

interface Call {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** A written record, but for what is another with every run; of the headers only that there are some. */
function recordOf(event: RequestEvent): object {
  const line = JSON.stringify(buildRequest(event, { serviceName: "guide", recordId: "" }));
  const {
    timestamp: _t,
    record_id: id,
    request_id: requestId,
    execution_time: seconds,
    ...rest
  } = assertRecord(line);
  assert.equal(requestId, id);
  assert.ok(seconds > 0);
  const { request_repr: asked, response_repr: answered, error_message: error, ...fields } = rest;
  assert.equal(asked.headers.host, `127.0.0.1:${String(asked.headers.host).split(":")[1]}`);
  const { date: _date, ...headers } = answered.headers;
  return {
    ...fields,
    failed: error !== null,
    request_repr: { ...asked, headers: Object.keys(asked.headers).toSorted() },
    response_repr: { ...answered, headers },
  };
}

type Answered = Awaited<ReturnType<typeof answers>>[number];

function expected(call: Call, { status, headers, body }: Answered, told: object): object {
  const { date: _date, ...answered } = headers;
  const json = String(headers["content-type"]).includes("json");
  return {
    level: "API",
    name: "audit.request",
    message: "Audit Internal Request",
    service_name: "guide",
    user: null,
    schema: 1,
    parent_id: null,
    trace_id: null,
    span_id: null,
    outcome: status < 400 ? "success" : "failure",
    request_type: "internal",
    protocol: "http",
    failed: status >= 400,
    request_repr: {
      method: call.method ?? "GET",
      path: call.path,
      query_params: {},
      headers: ["connection", "host", ...(call.body ? ["content-length", "content-type"] : [])].toSorted(),
      user: null,
      body: call.body === undefined ? null : JSON.parse(call.body),
      client_ip: "127.0.0.1",
    },
    response_repr: {
      status_code: status,
      headers: answered,
      body: body === "" ? null : json ? JSON.parse(body) : body,
    },
    ...told,
  };
}

async function answers(
  { server, close }: { server: Server; close(): Promise<void> },
  calls: readonly Call[],
): Promise<{ status: number; headers: Record<string, unknown>; body: string }[]> {
  const { port } = server.address() as { port: number };
  const all = [];
  for (const call of calls) {
    const { status, headers, body } = await fetchOnce(port, call);
    all.push({ status, headers: { ...headers, date: "" }, body: body.toString() });
  }
  await close();
  return all;
}
