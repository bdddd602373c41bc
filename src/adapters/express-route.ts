/**
 * The pattern of the route that Express matched, with the path under which its router is mounted.
 *
 * @module
 */
import type { Request } from "express";

/** The matched pattern, for example `/api/patients/:id`; `null` when no route matched. */
export function routePattern(
  request: Pick<Request, "baseUrl" | "originalUrl"> & { route?: unknown },
): string | null {
  const path = (request.route as { path?: unknown } | undefined)?.path;
  if (path === undefined) return null;
  if (typeof path !== "string") return String(path);
  return (
    (request.baseUrl || mountPath(request.originalUrl, path)) + (path === "/" && request.baseUrl ? "" : path)
  );
}

/**
 * Where the route's router is mounted, found again from the URL: when an error leaves a router, Express has put
 * `baseUrl` back before anybody answers. Only a pattern of plain segments tells how many of the URL's are its own.
 */
function mountPath(url: string, pattern: string): string {
  const own = segments(pattern);
  if (own.some((segment) => !/^:?[\w.~-]+$/.test(segment))) return "";
  const all = segments(url.split("?", 1)[0] ?? "");
  return all
    .slice(0, Math.max(0, all.length - own.length))
    .map((segment) => `/${segment}`)
    .join("");
}

function segments(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}
