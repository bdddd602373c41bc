/**
 * Express 4 and 5: a middleware, first in the chain.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Application, Request } from "express";
import type { Edge } from "../capture/http/recorder.js";
import type { RequestCapture } from "../capture/http/requests.js";
import type { Requests } from "../capture/http/running.js";
import { captureBeside, type Emitter } from "../capture/http/server.js";
import { guarded } from "../health.js";
import { watchErrors } from "./express-errors.js";
import { routePattern } from "./express-route.js";
import { describeHandler, routeOnly, type DescribeRoute } from "./handler.js";

/**
 * A middleware as Express takes it, and all that follow its manner. Named by Node's own types, so that a project
 * without the types of Express can check our declarations.
 */
export type ExpressMiddleware = (
  request: IncomingMessage,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * The middleware that records every request of an Express application, and gives it its context.
 *
 * Put it before all others: what a middleware before it answers is not seen. While audit is not started, it only
 * calls the next.
 *
 * @param describe - for frameworks that stand on Express: told of the matched route when the request has ended
 */
export function expressAdapter(requests: Requests, describe: DescribeRoute = routeOnly): ExpressMiddleware {
  const edge = edgeOf(describe);
  return function auditRequests(request, response, next) {
    const capture = requests();
    if (capture === undefined) return next();
    const recorder = guarded("capture.express", () => {
      watchApplication(request as Request, capture);
      return capture.begin(request, response, edge, request);
    });
    capture.run(recorder ?? null, next);
  };
}

function watchApplication(request: Request, capture: RequestCapture): void {
  const server = (request.socket as { server?: Emitter } | null)?.server;
  if (server) captureBeside(server, capture);
  const { app } = request as { app?: Application };
  // A router may serve a plain server.
  if (app) watchErrors(app, capture);
}

/** The handlers of a route are among its layers, those for other methods too; one without a method is for all. */
interface MatchedRoute {
  readonly methods: Readonly<Record<string, boolean | undefined>>;
  readonly stack: readonly { readonly method?: string | undefined; readonly handle: unknown }[];
}

function edgeOf(describe: DescribeRoute): Edge {
  return {
    clientIp: (request: Request) => request.ip,
    protocol: (request: Request) => request.protocol,
    describe: (request: Request, part) => {
      const route = routePattern(request);
      if (route === null) return;
      describe(request.method, route, part);
      const { methods, stack } = request.route as MatchedRoute;
      const asked = request.method.toLowerCase();
      // As Express itself decides it.
      const served = asked === "head" && !methods["head"] ? "get" : asked;
      for (const { method, handle } of stack) {
        if (method === undefined || method === served) describeHandler(handle, part);
      }
    },
  };
}
