import "reflect-metadata";
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import express, { type Express } from "express";
import {
  Authorized,
  Body,
  createExpressServer,
  createKoaServer,
  ForbiddenError,
  Get,
  HttpCode,
  JsonController,
  Middleware,
  OnUndefined,
  Param,
  Post,
  Redirect,
  Req,
  Res,
  useExpressServer,
  type RoutingControllersOptions,
} from "routing-controllers";
import { routingControllersAdapter } from "#dist/adapters/routing-controllers";
import type { Requests } from "#dist/capture/http/running";
import { fetchOnce } from "../support/http-client.js";
import { running, serverSentEvents, STYLE_SHEET } from "../support/http-server.js";
import { collect } from "../support/requests.js";
import { behaviours } from "./behaviours.js";

let see: (path: string) => void = () => {};

@JsonController()
class Patients {
  @Get("/patients/:id")
  async find(@Param("id") id: number): Promise<object> {
    see(`/patients/${id}`);
    await sleep(1);
    return { id };
  }

  @Post("/patients")
  @HttpCode(201)
  create(@Body({ options: { limit: "100kb" } }) created: object): object {
    see("/patients");
    return { created };
  }

  @Get("/unauthorized")
  @Authorized()
  unauthorized(): void {}

  @Get("/forbidden")
  forbidden(): never {
    throw new ForbiddenError("no");
  }

  @Get("/broken")
  broken(): never {
    throw new Error("broken");
  }

  @Get("/rejected")
  async rejected(): Promise<never> {
    await sleep(1);
    throw new Error("rejected");
  }

  @Get("/moved")
  @Redirect("/patients/7")
  moved(): void {}

  @Get("/empty")
  @OnUndefined(204)
  empty(): void {}

  @Get("/app.css")
  async styleSheet(@Res() response: any): Promise<unknown> {
    await promisify<string, void>(response.sendFile.bind(response))(STYLE_SHEET);
    return response;
  }

  @Get("/health")
  health(): string {
    return "ok";
  }

  @Get("/stream")
  stream(@Res() response: any): unknown {
    return new Promise((resolve) => {
      Readable.from(Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, 97 + (n % 26))))
        .pipe(response)
        .on("finish", () => resolve(response));
    });
  }

  @Get("/events")
  events(@Res() response: any): unknown {
    const events = serverSentEvents();
    response.on("close", () => events.destroy());
    events.pipe(response.type("text/event-stream"));
    return response;
  }

  @Get("/unchanged")
  unchanged(@Res() response: any): unknown {
    return response.status(304).set("ETag", '"7"').end();
  }

  @Get("/trickle")
  trickle(@Res() response: any): unknown {
    response.write("first");
    return response;
  }

  @Get("/hang")
  hang(): Promise<never> {
    see("/hang");
    return new Promise(() => {});
  }

  @Get("/twice")
  twice(@Res() response: any): unknown {
    response.on("error", () => {});
    response.send("once");
    response.end("twice");
    return response;
  }

  @Post("/upload")
  async upload(@Req() request: any): Promise<object> {
    let bytes = 0;
    for await (const chunk of request) bytes += (chunk as Buffer).length;
    return { bytes };
  }
}

@Middleware({ type: "before" })
class Authentication {
  use(request: any, _response: unknown, next: () => void): void {
    const id = request.headers["x-user"];
    if (id) request.user = { id };
    next();
  }
}

function options(requests: Requests, more: RoutingControllersOptions = {}): RoutingControllersOptions {
  return {
    controllers: [Patients],
    middlewares: [routingControllersAdapter(requests), Authentication],
    authorizationChecker: () => false,
    ...more,
  };
}

const servers: Record<string, (options: RoutingControllersOptions) => Express> = {
  "its own Express 4": (given) => createExpressServer(given) as Express,
  "Express 5": (given) => useExpressServer(express(), given),
};

for (const [name, createServer] of Object.entries(servers)) {
  behaviours({
    name: `routing-controllers on ${name}`,
    routes: true,
    errors: true,
    async start(requests, seen) {
      see = seen;
      const app = createServer(options(requests));
      // Else Express prints every error.
      app.set("env", "test");
      return running(app.listen(0, "127.0.0.1"));
    },
  });
}

describe("controllers", () => {
  const create = { Express: createExpressServer, Koa: createKoaServer };
  for (const [name, createServer] of Object.entries(create)) {
    it(`on ${name} are named on every routed request, refused ones included`, async () => {
      const { capture, wait } = collect();
      const middlewares = [routingControllersAdapter(() => capture)];
      const app = createServer(options(() => capture, { middlewares, routePrefix: "/api" })) as Express;
      (app as Partial<Express>).set?.("env", "test");
      const { port, close } = await running(app.listen(0, "127.0.0.1"));
      for (const path of ["/api/patients/7", "/api/unauthorized", "/api/forbidden", "/api/none"]) {
        await fetchOnce(port, { path });
      }
      await close();
      assert.deepEqual(
        (await wait(4)).map(({ handler, route, outcome }) => [handler, route, outcome]),
        [
          ["Patients.find", "/api/patients/:id", "success"],
          ["Patients.unauthorized", "/api/unauthorized", "denied"],
          ["Patients.forbidden", "/api/forbidden", "denied"],
          [null, null, "failure"],
        ],
      );
    });
  }
});
