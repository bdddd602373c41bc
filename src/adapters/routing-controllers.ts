/**
 * routing-controllers, on Express and on Koa: a global middleware, and the controller behind each route. The module is
 * also the entry `activity-audit/routing-controllers`.
 *
 * @module
 */
import type { NextFunction, Request, Response } from "express";
import type { Context, Next } from "koa";
import { getMetadataArgsStorage, Middleware } from "routing-controllers";
import type { RequestPart } from "../context/context.js";
import { runningRequests, type Requests } from "../capture/http/running.js";
import { expressAdapter } from "./express.js";
import { describeMethod } from "./handler.js";
import { koaAdapter } from "./koa.js";

/** A middleware class as routing-controllers takes it, for Express (three arguments) and for Koa (two). */
export interface AuditMiddlewareClass {
  /** routing-controllers makes the instance. */
  new (): {
    /** Called by the framework for each request. */
    use(...args: [Request, Response, NextFunction] | [Context, Next]): unknown;
  };
}

/**
 * Makes the middleware class for the capture that `requests` gives.
 *
 * @internal
 */
export function routingControllersAdapter(requests: Requests): AuditMiddlewareClass {
  const express = expressAdapter(requests, describeAction);
  const koa = koaAdapter(requests, describeAction);
  class AuditMiddleware {
    use(...args: [Request, Response, NextFunction] | [Context, Next]): unknown {
      return args.length === 3 ? express(...args) : koa(args[0] as never, args[1]);
    }
  }
  // Before all others, and so before what may refuse a request.
  Middleware({ type: "before", priority: Number.MAX_SAFE_INTEGER })(AuditMiddleware);
  return AuditMiddleware;
}

/**
 * Records every request of a routing-controllers application, and names the controller's method that serves it, also
 * when an authorization checker refuses it. A container other than the default one must be given an instance.
 *
 * @example
 * import { AuditMiddleware } from "activity-audit/routing-controllers";
 * createExpressServer({ controllers: [Patients], middlewares: [AuditMiddleware] });
 */
export const AuditMiddleware: AuditMiddlewareClass = routingControllersAdapter(runningRequests);

function describeAction(method: string, route: string, part: RequestPart): void {
  part.enrich({ route });
  const action = actionOf(method, route);
  if (action) describeMethod(action.target, action.method, part);
}

interface Action {
  readonly target: Function;
  readonly method: string;
  readonly path: string;
}

const actions = new Map<string, Action | null>();

/** The action behind a matched route, or `null` where two fit equally well; remembered, since routes do not change. */
function actionOf(method: string, route: string): Action | null {
  const key = `${method} ${route}`;
  let action = actions.get(key);
  if (action === undefined) {
    action = findAction(method === "HEAD" ? "get" : method.toLowerCase(), route);
    actions.set(key, action);
  }
  return action;
}

/** A route is prefix, controller's and action's path in one text. The prefix is not known; the longest rest is it. */
function findAction(type: string, route: string): Action | null {
  const storage = getMetadataArgsStorage();
  const fitting = storage.actions
    .filter((action) => action.type === type || action.type === "all")
    .map(({ target, method, route: path }): Action => {
      const base = storage.controllers.find((controller) => controller.target === target)?.route ?? "";
      return { target, method, path: `${base}${path instanceof RegExp ? path.source : (path ?? "")}` };
    })
    .filter(({ path }) => route.endsWith(path));
  const longest = Math.max(...fitting.map(({ path }) => path.length));
  const [found, another] = fitting.filter(({ path }) => path.length === longest);
  return found && !another ? found : null;
}
