/**
 * Fastify 5: a plugin. The module is also the entry `activity-audit/fastify`.
 *
 * @module
 */
import type { FastifyPluginCallback, FastifyRequest } from "fastify";
import type { Edge } from "../capture/http/recorder.js";
import type { RequestCapture } from "../capture/http/requests.js";
import { runningRequests, type Requests } from "../capture/http/running.js";
import { captureServer, type Emitter } from "../capture/http/server.js";
import { recorderOf } from "../capture/http/tee.js";
import { guarded } from "../health.js";
import { describeHandler } from "./handler.js";

/**
 * The plugin for the capture that `requests` gives; it does nothing while that is `undefined`.
 *
 * @internal
 */
export function fastifyAdapter(requests: Requests): FastifyPluginCallback {
  const plugin: FastifyPluginCallback = (fastify, _options, ready) => {
    let watched: RequestCapture | undefined;
    const watchServer = (): void => {
      const capture = requests();
      watched = capture;
      // Sees also what comes to no hook: upgrades, and URLs that cannot be read.
      capture?.once(fastify.server, () => captureServer(fastify.server, capture));
    };
    // On `localhost` Fastify listens with two servers, one an address. It does not show the second one, which has what
    // comes to no hook as well.
    const watchSecond = ({ raw }: FastifyRequest, capture: RequestCapture): void => {
      const { server } = raw.socket as { server?: Emitter };
      if (server && server !== fastify.server) capture.once(server, () => captureServer(server, capture));
    };
    // Before it listens: the second server is given, for its upgrades, the `emit` that the first has then.
    watchServer();
    fastify.addHook("onListen", (done) => {
      watchServer();
      done();
    });
    fastify.addHook("onRequest", (request, reply, done) => {
      const capture = requests();
      if (capture === undefined) return done();
      if (capture !== watched) watchServer();
      if (!recorderOf(request.raw as never)) guarded("capture.http", () => watchSecond(request, capture));
      capture.run(capture.begin(request.raw as never, reply.raw as never, edge, request), done);
    });
    fastify.addHook("onError", (request, _reply, error, done) => {
      recorderOf(request.raw as never)?.failed(error);
      done();
    });
    ready();
  };
  // For the whole application, not only for the plugin's own scope: what `fastify-plugin` does.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "activity-audit",
    [Symbol.for("plugin-meta")]: { name: "activity-audit", fastify: "5.x" },
  });
}

/**
 * Records every request of a Fastify application. Register it before all others: what a hook before it answers is
 * recorded without its route.
 *
 * @example
 * import { auditPlugin } from "activity-audit/fastify";
 * fastify.register(auditPlugin);
 */
export const auditPlugin: FastifyPluginCallback = fastifyAdapter(runningRequests);

const edge: Edge = {
  clientIp: (request: FastifyRequest) => request.ip,
  protocol: (request: FastifyRequest) => request.protocol,
  describe: (request: FastifyRequest, part) => {
    if (request.is404) return;
    const { url, handler } = request.routeOptions;
    part.enrich({ route: url ?? null });
    describeHandler(handler, part);
  },
};
