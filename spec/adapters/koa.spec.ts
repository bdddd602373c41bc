import assert from "node:assert/strict";
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Router } from "@koa/router";
import Koa from "koa";
import bodyParser from "koa-bodyparser";
import { koaAdapter } from "#dist/adapters/koa";
import type { Requests } from "#dist/capture/http/running";
import { fetchOnce } from "../support/http-client.js";
import { running, serverSentEvents, STYLE_SHEET } from "../support/http-server.js";
import { collect } from "../support/requests.js";
import { behaviours } from "./behaviours.js";

behaviours({
  name: "Koa 3",
  routes: true,
  errors: true,
  async start(capture, see) {
    return running(application(capture, see).listen(0, "127.0.0.1"));
  },
});

describe("Koa's middleware", () => {
  it("gives to the one before it what the one after it gave", async () => {
    const { capture, wait } = collect();
    const app = new Koa();
    app.use(async (context, next) => {
      context.body = await next();
    });
    app.use(koaAdapter(() => capture));
    app.use(() => "seen");
    const { port, close } = await running(app.listen(0, "127.0.0.1"));
    const answer = await fetchOnce(port);
    await wait(1);
    await close();
    capture.stop();
    assert.equal(answer.body.toString(), "seen");
  });
});

function application(capture: Requests, see: (path: string) => void): Koa {
  const app = new Koa();
  app.silent = true;
  app.use(koaAdapter(capture));
  app.use((context, next) => {
    const id = context.get("x-user");
    if (id) context.state["user"] = { id };
    return next();
  });
  app.use(bodyParser({ jsonLimit: "100kb" }));
  app.use(routes(see).routes());
  return app;
}

function routes(see: (path: string) => void): Router {
  const router = new Router();
  router.get("/patients/:id", async (context) => {
    see(context.path);
    await sleep(1);
    context.body = { id: Number(context.params["id"]) };
  });
  router.post("/patients", (context) => {
    see(context.path);
    context.status = 201;
    context.body = { created: context.request.body };
  });
  router.get("/unauthorized", (context) => context.throw(401));
  router.get("/forbidden", (context) => context.throw(403));
  router.get("/broken", () => {
    throw new Error("broken");
  });
  router.get("/rejected", async () => {
    await sleep(1);
    throw new Error("rejected");
  });
  router.get("/moved", (context) => context.redirect("/patients/7"));
  router.get("/empty", (context) => void (context.status = 204));
  router.get("/app.css", (context) => {
    context.type = "css";
    context.body = createReadStream(STYLE_SHEET);
  });
  router.get("/health", (context) => void (context.body = "ok"));
  router.get("/stream", (context) => {
    context.body = Readable.from(Array.from({ length: 300 }, (_, n) => Buffer.alloc(1000, 97 + (n % 26))));
  });
  router.get("/events", (context) => {
    context.type = "text/event-stream";
    context.body = serverSentEvents();
  });
  router.get("/unchanged", (context) => {
    context.set("ETag", '"7"');
    context.status = 304;
  });
  router.get("/trickle", (context) => {
    context.respond = false;
    context.res.statusCode = 200;
    context.res.write("first");
  });
  router.get("/hang", (context) => {
    see(context.path);
    context.respond = false;
  });
  router.get("/twice", (context) => {
    context.body = "once";
    context.res.end("once");
  });
  router.post("/upload", async (context) => {
    let bytes = 0;
    for await (const chunk of context.req) bytes += (chunk as Buffer).length;
    context.body = { bytes };
  });
  return router;
}
