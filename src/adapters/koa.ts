/**
 * Koa 3 and 2: a middleware, first in the chain. The module is also the entry `activity-audit/koa`.
 *
 * @module
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Context } from "koa";
import type { Edge } from "../capture/http/recorder.js";
import { runningRequests, type Requests } from "../capture/http/running.js";
import { captureBeside, type Emitter } from "../capture/http/server.js";
import { guarded } from "../health.js";
import { describeHandler, routeOnly, type DescribeRoute } from "./handler.js";

/**
 * A middleware as Koa takes it. Named by Node's own types, so that a project without the types of Koa can check our
 * declarations.
 */
export type KoaMiddleware = (
  context: {
    /** Node's request. */
    req: IncomingMessage;
    /** Node's response. */
    res: ServerResponse;
  },
  next: () => Promise<unknown>,
) => Promise<unknown>;

/**
 * The middleware for the capture that `requests` gives; it only calls the next while that is `undefined`.
 *
 * @param describe - for frameworks that stand on Koa: told of the matched route when the request has ended
 *
 * @internal
 */
export function koaAdapter(requests: Requests, describe: DescribeRoute = routeOnly): KoaMiddleware {
  const edge = edgeOf(describe);
  return async function auditRequests(context, next) {
    const capture = requests();
    if (capture === undefined) return next();
    guarded("capture.http", () => {
      const server = (context.req.socket as { server?: Emitter } | null)?.server;
      if (server) captureBeside(server, capture);
    });
    const recorder = capture.begin(context.req, context.res, edge, context);
    try {
      return await capture.run(recorder, next);
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
export function auditKoa(): KoaMiddleware {
  return koaAdapter(runningRequests);
}

/** What routers and body parsers put there, under names that koa-router and its successors share. */
interface Extended {
  readonly _matchedRoute?: string | RegExp;
  readonly params?: unknown;
  /** Every layer that fits, also those that were not entered since one before them answered. */
  readonly matched?: readonly {
    readonly path: string | RegExp;
    readonly methods: readonly string[];
    readonly stack: readonly unknown[];
  }[];
}

function edgeOf(describe: DescribeRoute): Edge {
  return {
    clientIp: (context: Context) => context.ip,
    protocol: (context: Context) => context.protocol,
    values: (context: Context & Extended) => ({
      params: context.params,
      query: context.query,
      body: (context.request as { body?: unknown }).body,
    }),
    describe: (context: Context & Extended, part) => {
      // oxlint-disable-next-line no-underscore-dangle -- the router's name
      const route = context._matchedRoute;
      if (route === undefined) return;
      describe(context.method, String(route), part);
      for (const { path, methods, stack } of context.matched ?? []) {
        if (path !== route || !methods.includes(context.method)) continue;
        for (const handler of stack) describeHandler(handler, part);
      }
    },
  };
}
