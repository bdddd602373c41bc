/**
 * The example applications of the frameworks' own guides, each with one line of ours: same answers, one record each.
 */
import assert from "node:assert/strict";
import type { Server } from "node:http";
import { describe, it } from "node:test";
import { Router } from "@koa/router";
import express from "express";
import fastify, { type FastifyPluginCallback } from "fastify";
import Koa from "koa";
import { expressAdapter } from "#dist/adapters/express";
import { fastifyAdapter } from "#dist/adapters/fastify";
import { koaAdapter } from "#dist/adapters/koa";
import type { Requests } from "#dist/capture/http/running";
import { fetchOnce } from "../support/http-client.js";
import { running } from "../support/http-server.js";
import { collect } from "../support/requests.js";

const routes: FastifyPluginCallback = (instance, _options, done) => {
  const schema = { response: { 200: { type: "object", properties: { hello: { type: "string" } } } } };
  instance.get("/", { schema }, async () => ({ hello: "world", notInSchema: true }));
  instance.get("/animals", async () => [{ animal: "dog" }]);
  done();
};

/** Each starts with us where it is given a capture. */
const guides: Record<string, { paths: string[]; start(requests?: Requests): Promise<Server> | Server }> = {
  "Express: hello world, and the router of birds": {
    paths: ["/", "/birds", "/birds/about", "/none"],
    start(requests) {
      const app = express();
      if (requests) app.use(expressAdapter(requests));
      app.get("/", (_req, res) => void res.send("Hello World!"));
      const birds = express.Router();
      birds.use((_req, _res, next) => next());
      birds.get("/", (_req, res) => void res.send("Birds home page"));
      birds.get("/about", (_req, res) => void res.send("About birds"));
      app.use("/birds", birds);
      return app.listen(0, "127.0.0.1");
    },
  },
  "Fastify: getting started, a plugin and a schema": {
    paths: ["/", "/animals", "/none"],
    async start(requests) {
      const app = fastify();
      if (requests) app.register(fastifyAdapter(requests));
      app.register(routes);
      await app.listen({ port: 0, host: "127.0.0.1" });
      return app.server;
    },
  },
  "Koa: response time, and a router": {
    paths: ["/", "/users/7", "/none"],
    start(requests) {
      const app = new Koa();
      if (requests) app.use(koaAdapter(requests));
      app.use(async (ctx, next) => {
        await next();
        ctx.set("X-Answered", ctx.url);
      });
      const router = new Router();
      router.get("/", (ctx) => void (ctx.body = "Hello World"));
      router.get("/users/:id", (ctx) => void (ctx.body = { id: ctx.params["id"] }));
      app.use(router.routes()).use(router.allowedMethods());
      return app.listen(0, "127.0.0.1");
    },
  },
};

describe("applications of the frameworks' guides", { timeout: 120_000 }, () => {
  for (const [name, { paths, start }] of Object.entries(guides)) {
    it(name, async () => {
      const bare = await answers(await start(), paths);
      const { capture, wait } = collect();
      const audited = await answers(await start(() => capture), paths);
      const events = await wait(paths.length);
      capture.stop();
      assert.deepEqual(audited, bare);
      assert.deepEqual(
        events.map(({ url, status }) => [url, status]),
        bare.map(({ path, status }) => [path, status]),
      );
    });
  }
});

async function answers(server: Server, paths: readonly string[]) {
  const { port, close } = await running(server);
  const all = [];
  for (const path of paths) {
    const { status, headers, body } = await fetchOnce(port, { path });
    all.push({ path, status, headers: { ...headers, date: "" }, body: body.toString() });
  }
  await close();
  return all;
}
