/**
 * What decorators say on a handler, on the record of each framework's request.
 */
import "reflect-metadata";
import assert from "node:assert/strict";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { Router } from "@koa/router";
import { Controller, Get, Module, UseGuards } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { AuditRoute, ExternalService, NoAudit } from "activity-audit";
import express from "express";
import fastify from "fastify";
import Koa from "koa";
import { Authorized, createExpressServer, Get as RcGet, JsonController } from "routing-controllers";
import { expressAdapter } from "#dist/adapters/express";
import { fastifyAdapter } from "#dist/adapters/fastify";
import { methodFacts } from "#dist/adapters/handler";
import { koaAdapter } from "#dist/adapters/koa";
import { nestAdapter } from "#dist/adapters/nest";
import { routingControllersAdapter } from "#dist/adapters/routing-controllers";
import type { Undo } from "#dist/capture/capture";
import { enrichCurrentRequest } from "#dist/capture/http/enrich";
import type { Requests } from "#dist/capture/http/running";
import { wrapClasses, type ClassHooks } from "#dist/registry/classes";
import { fetchOnce } from "../support/http-client.js";
import { running } from "../support/http-server.js";
import { collect, type Collected } from "../support/requests.js";

const READ = { action: "patient.read", activity: "read patient {params.id}", extra: { ward: 3 } };

@AuditRoute({ extra: { unit: "north" } })
class Patients {
  answer = "seen";

  @AuditRoute(READ)
  read(): object {
    return { answer: this.answer };
  }

  @NoAudit()
  hidden(): object {
    return {};
  }

  @AuditRoute({ action: "patient.refuse", bodies: false })
  refused(): object {
    return {};
  }

  listed(): object {
    return this.helped();
  }

  /** Of the class, and no handler. */
  helped(): object {
    return {};
  }
}

@NoAudit()
class Rare {
  @AuditRoute({ action: "rare.read" })
  read(): string {
    return this.helped();
  }

  helped(): string {
    return "seen";
  }
}

/** Starts an application whose routes are served by the methods of `Patients`. */
type Start = (requests: Requests) => Promise<Server>;

const frameworks: Record<string, Start> = {
  async "Express 5"(requests) {
    const patients = new Patients();
    const app = express();
    app.use(expressAdapter(requests));
    app.get("/patients/:id", (_request, response) => void response.json(patients.read()));
    app.get("/hidden", (_request, response) => void response.json(patients.hidden()));
    app.get("/refused", (_request, response) => void response.status(403).json(patients.refused()));
    app.get("/listed", (_request, response) => void response.json(patients.listed()));
    app.get("/plain", (_request, response) => void response.json({}));
    return app.listen(0, "127.0.0.1");
  },

  async "Fastify 5"(requests) {
    const patients = new Patients();
    const app = fastify({ forceCloseConnections: true });
    app.register(fastifyAdapter(requests));
    app.get("/patients/:id", () => Promise.resolve(patients.read()));
    app.get("/hidden", () => Promise.resolve(patients.hidden()));
    app.get("/refused", (_request, reply) => void reply.code(403).send(patients.refused()));
    app.get("/listed", () => Promise.resolve(patients.listed()));
    app.get("/plain", () => Promise.resolve({}));
    await app.listen({ port: 0, host: "127.0.0.1" });
    return app.server;
  },

  async "Koa 3"(requests) {
    const patients = new Patients();
    const router = new Router();
    router.get("/patients/:id", (context) => void (context.body = patients.read()));
    router.get("/hidden", (context) => void (context.body = patients.hidden()));
    router.get("/refused", (context) => {
      context.status = 403;
      context.body = patients.refused();
    });
    router.get("/listed", (context) => void (context.body = patients.listed()));
    router.get("/plain", (context) => void (context.body = {}));
    return new Koa().use(koaAdapter(requests)).use(router.routes()).listen(0, "127.0.0.1");
  },

  async "Nest 12"(requests) {
    // Nest's own decorators, above ours and below.
    class Refuse {
      canActivate(): boolean {
        return false;
      }
    }
    @Controller()
    @AuditRoute({ extra: { unit: "north" } })
    class NestPatients {
      @Get("patients/:id")
      @AuditRoute(READ)
      read(): object {
        return { answer: "seen" };
      }
      @NoAudit()
      @Get("hidden")
      hidden(): object {
        return {};
      }
      @AuditRoute({ action: "patient.refuse", bodies: false })
      @UseGuards(Refuse)
      @Get("refused")
      refused(): object {
        return {};
      }
      @Get("listed")
      listed(): object {
        return this.helped();
      }
      helped(): object {
        return {};
      }
    }
    @Controller()
    class Plain {
      @Get("plain")
      plain(): object {
        return {};
      }
    }
    const runtime = { start() {}, attach: () => () => {}, flush: async () => {}, stop: async () => {} };
    const AuditModule = nestAdapter(
      runtime,
      class AuditService {
        readonly id = 1;
      },
      requests,
    );
    @Module({ imports: [AuditModule.forRoot()], controllers: [NestPatients, Plain] })
    class AppModule {}
    const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
    await app.listen(0, "127.0.0.1");
    return app.getHttpServer() as Server;
  },

  async "routing-controllers"(requests) {
    @JsonController()
    @AuditRoute({ extra: { unit: "north" } })
    class RcPatients {
      @RcGet("/patients/:id")
      @AuditRoute(READ)
      read(): object {
        return { answer: "seen" };
      }
      @NoAudit()
      @RcGet("/hidden")
      hidden(): object {
        return {};
      }
      @AuditRoute({ action: "patient.refuse", bodies: false })
      @Authorized("nobody")
      @RcGet("/refused")
      refused(): object {
        return {};
      }
      @RcGet("/listed")
      listed(): object {
        return {};
      }
    }
    @JsonController()
    class Plain {
      @RcGet("/plain")
      plain(): object {
        return {};
      }
    }
    const app = createExpressServer({
      controllers: [RcPatients, Plain],
      middlewares: [routingControllersAdapter(requests)],
      authorizationChecker: () => false,
    }) as ReturnType<typeof express>;
    app.set("env", "test");
    return app.listen(0, "127.0.0.1");
  },
};

const hooks: ClassHooks = {
  handlerEntered: (target, property, isStatic) =>
    enrichCurrentRequest(methodFacts(target, property, isStatic) ?? {}),
  aroundService: () => (method, self, args) => Reflect.apply(method, self, args),
};

for (const [name, start] of Object.entries(frameworks)) {
  describe(`decorated handlers on ${name}`, () => {
    let collected = collect();
    let server: Server;
    let undo: Undo;

    before(async () => {
      undo = wrapClasses(hooks);
      server = await start(() => collected.capture);
      if (!server.listening) await new Promise((resolve) => server.once("listening", resolve));
    });
    after(() => {
      undo();
      server.closeAllConnections();
      server.close();
    });

    async function call(paths: readonly string[]): Promise<string[]> {
      const { port } = server.address() as AddressInfo;
      const bodies: string[] = [];
      for (const path of paths) bodies.push((await fetchOnce(port, { path })).body.toString());
      return bodies;
    }

    it("put action, activity and fields on the request's one record, or take the record away", async () => {
      collected.capture.stop();
      collected = collect();
      const bodies = await call(["/patients/7", "/hidden", "/refused", "/listed"]);
      assert.deepEqual(JSON.parse(bodies[0] ?? ""), { answer: "seen" });
      const events = await collected.wait(3);
      assert.deepEqual(
        events.map(({ handler, action, extra, route }) => [
          handler?.replace(/^\w+\./, ""),
          action,
          extra,
          route,
        ]),
        [
          ["read", "patient.read", { unit: "north", ward: 3, activity: "read patient 7" }, "/patients/:id"],
          ["refused", "patient.refuse", { unit: "north" }, "/refused"],
          ["listed", null, { unit: "north" }, "/listed"],
        ],
      );
      assert.deepEqual(
        events.map(({ responseBody }) => responseBody !== null),
        [true, false, true],
      );
    });

    it("are the only ones that are recorded where the options say so", async () => {
      collected.capture.stop();
      collected = collect({ only: "decorated" });
      await call(["/plain", "/nowhere", "/listed"]);
      const events = await collected.wait(1);
      assert.equal(events[0]?.url, "/listed");
    });
  });
}

/** Handlers that are given to the framework as they are, as their wrappers are not. */
class Beds {
  @AuditRoute({ action: "bed.read" })
  read(): void {}

  @AuditRoute({ action: "bed.form" })
  form(): void {}

  @NoAudit()
  free(): void {}
}

/** What is recorded of requests of which one leaves none. */
async function recorded(
  server: Server,
  collected: Collected,
  requests: readonly (readonly [method: string, path: string])[],
): Promise<unknown[]> {
  const { port, close } = await running(server);
  try {
    for (const [method, path] of requests) await fetchOnce(port, { method, path });
    const events = await collected.wait(requests.length - 1);
    return events.map(({ method, url, route, handler, action }) => [method, url, route, handler, action]);
  } finally {
    await close();
    collected.capture.stop();
  }
}

describe("decorated handlers of one path", () => {
  it("are recorded in a class that is not, whatever of it they call", async () => {
    const collected = collect();
    const undo = wrapClasses(hooks);
    const app = express();
    const rare = new Rare();
    app.use(expressAdapter(() => collected.capture));
    app.get("/rare", (_request, response) => void response.end(rare.read()));
    app.get("/helped", (_request, response) => void response.end(rare.helped()));
    const requests = ["/rare", "/helped"].map((path) => ["GET", path] as const);
    assert.deepEqual(await recorded(app.listen(0, "127.0.0.1"), collected, requests), [
      ["GET", "/rare", "/rare", "Rare.read", "rare.read"],
    ]);
    undo();
  });

  it("are recorded though they call a service's method whose calls are not", async () => {
    class Base {
      @NoAudit()
      token(): string {
        return "t";
      }
    }
    @ExternalService("apollo")
    class Apollo extends Base {
      @NoAudit()
      secret(): string {
        return this.token();
      }
    }
    const collected = collect();
    const undo = wrapClasses(hooks);
    const apollo = new Apollo();
    const app = express();
    app.use(expressAdapter(() => collected.capture));
    app.get("/token", (_request, response) => void response.end(apollo.secret()));
    app.get("/hidden", (_request, response) => void response.end(new Rare().helped()));
    const requests = ["/token", "/hidden"].map((path) => ["GET", path] as const);
    assert.deepEqual(await recorded(app.listen(0, "127.0.0.1"), collected, requests), [
      ["GET", "/token", "/token", null, null],
    ]);
    undo();
  });

  it("are told apart by method on an Express route", async () => {
    const collected = collect();
    const beds = new Beds();
    const app = express();
    app.use(expressAdapter(() => collected.capture));
    app.use((_request, response, next) => {
      setImmediate(() => response.end());
      next();
    });
    app.route("/beds/:id").get(beds.read).put(beds.form).delete(beds.free);
    const requests = ["GET", "HEAD", "DELETE", "PUT"].map((method) => [method, "/beds/7"] as const);
    assert.deepEqual(await recorded(app.listen(0, "127.0.0.1"), collected, requests), [
      ["GET", "/beds/7", "/beds/:id", "Beds.read", "bed.read"],
      ["HEAD", "/beds/7", "/beds/:id", "Beds.read", "bed.read"],
      ["PUT", "/beds/7", "/beds/:id", "Beds.form", "bed.form"],
    ]);
  });

  it("are told apart from those of other patterns that fit on Koa", async () => {
    const collected = collect();
    const beds = new Beds();
    const app = new Koa();
    app.use(koaAdapter(() => collected.capture));
    const router = new Router();
    router.get("/beds/new", beds.form);
    router.delete("/beds/old", beds.free);
    router.get("/beds/:id", beds.read);
    router.delete("/beds/:id", beds.form);
    app.use(router.routes());
    const requests = [
      ["GET", "/beds/new"],
      ["DELETE", "/beds/old"],
      ["GET", "/beds/7"],
    ] as const;
    assert.deepEqual(await recorded(app.listen(0, "127.0.0.1"), collected, requests), [
      ["GET", "/beds/new", "/beds/new", "Beds.form", "bed.form"],
      ["GET", "/beds/7", "/beds/:id", "Beds.read", "bed.read"],
    ]);
  });
});
