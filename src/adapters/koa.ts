/**
 * Koa 3 and 2: a middleware, first in the chain. The module is also the entry `activity-audit/koa`.
 *
 * @module
 */
import type { Context, Middleware, Next } from "koa";
import type { Edge } from "../capture/http/recorder.js";
import { runningRequests, type Requests } from "../capture/http/running.js";
import { captureUpgrades, type Emitter } from "../capture/http/server.js";
import { routeOnly, type DescribeRoute } from "./handler.js";

/**
 * The middleware for the capture that `requests` gives; it only calls the next while that is `undefined`.
 *
 * @param describe - for frameworks that stand on Koa: told of the matched route when the request has ended
 */
export function koaAdapter(requests: Requests, describe: DescribeRoute = routeOnly): Middleware {
  return async function auditRequests(context: Context, next: Next): Promise<void> {
    const capture = requests();
    if (capture === undefined) return next();
    const server = (context.req.socket as { server?: Emitter } | null)?.server;
    if (server) captureUpgrades(server, capture);
    const recorder = capture.begin(context.req, context.res, edgeOf(context, describe));
    try {
      await capture.run(recorder, next);
    } catch (error) {
      recorder?.failed(error);
      throw error;
    }
  };
}

/**
 * Records every request of a Koa application. Use it before all others: what a middleware before it answers is not
 * seen. The `actor` function of `audit.start` is given Koa's `ctx`.
 *
 * @example
 * import { auditKoa } from "activity-audit/koa";
 * app.use(auditKoa());
 */
export function auditKoa(): Middleware {
  return koaAdapter(runningRequests);
}

/** What routers and body parsers put there, under names that koa-router and its successors share. */
interface Extended {
  readonly _matchedRoute?: string | RegExp;
  readonly params?: unknown;
}

function edgeOf(context: Context, describe: DescribeRoute): Edge {
  const extended = context as Extended;
  return {
    source: context,
    clientIp: context.ip,
    protocol: context.protocol,
    values: () => ({
      params: extended.params,
      query: context.query,
      body: (context.request as { body?: unknown }).body,
    }),
    describe: (part) => {
      // oxlint-disable-next-line no-underscore-dangle -- the router's name
      const route = extended._matchedRoute;
      if (route !== undefined) describe(context.method, String(route), part);
    },
  };
}
