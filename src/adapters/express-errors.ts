/**
 * Tells requests of the errors that their handlers throw, reject with, or give to `next`.
 *
 * Express shows an error only to error handlers, which an application puts last, where a middleware that must be
 * first cannot be. So the one method through which Express hands an error on is watched: `Layer.handleError`
 * (`handle_error` in Express 4). It is not documented; where it is missing, `error_message` stays `null`, and all else
 * is as before. It costs nothing while nothing fails.
 *
 * @module
 */
import type { Application, NextFunction, Request, Response } from "express";
import { failCurrentRequest } from "../capture/http/enrich.js";
import type { RequestCapture } from "../capture/http/requests.js";
import { recorderOf } from "../capture/http/tee.js";

type HandleError = (error: unknown, request: Request, response: Response, next: NextFunction) => void;
interface Layer {
  handle: unknown;
  handleError?: HandleError;
  handle_error?: HandleError;
}
interface Router {
  stack: Layer[];
}

/** Watches the errors of `app`; once a capture, however often it is asked. */
export function watchErrors(app: Application, capture: RequestCapture): void {
  capture.once(app, () => {
    // The last layer's error is handed to nobody, unless there is one more.
    app.use(passOn);
    const router = routerOf(app);
    const layer = router?.stack.at(-1);
    if (layer) watchLayer(Object.getPrototypeOf(layer) as Layer, capture);
    return () => {
      if (router) router.stack = router.stack.filter(({ handle }) => handle !== passOn);
    };
  });
}

/** Reading `app.router` throws in Express 4, which has `_router` instead. */
function routerOf(app: Application): Router | undefined {
  const { _router } = app as unknown as { _router?: Router };
  return _router ?? (app as unknown as { router?: Router }).router;
}

function watchLayer(layer: Layer, capture: RequestCapture): void {
  const name = layer.handleError ? "handleError" : "handle_error";
  const handleError = layer[name];
  if (!handleError) return;
  capture.once(layer, () => {
    layer[name] = function (this: Layer, error, request, response, next) {
      if (isError(error)) recorderOf(request)?.failed(error);
      Reflect.apply(handleError, this, [error, request, response, next]);
    };
    return () => {
      layer[name] = handleError;
    };
  });
}

/** Routers use these two words to leave a route, not to fail. */
function isError(error: unknown): boolean {
  return error !== "route" && error !== "router";
}

// Express knows an error handler by its four parameters.
function passOn(error: unknown, _request: Request, _response: Response, next: NextFunction): void {
  if (isError(error)) failCurrentRequest(error);
  next(error);
}
