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
  const own = plainSegments(pattern);
  if (own === null || countSegments(url) <= own) return "";
  const all = segments(url.split("?", 1)[0] ?? "");
  return all
    .slice(0, all.length - own)
    .map((segment) => `/${segment}`)
    .join("");
}

/** Remembered, since routes do not change. */
const known = new Map<string, number | null>();

/** How many segments a pattern of plain ones has; `null` for another. */
function plainSegments(pattern: string): number | null {
  let count = known.get(pattern);
  if (count === undefined) {
    const own = segments(pattern);
    count = own.every((segment) => /^:?[\w.~-]+$/.test(segment)) ? own.length : null;
    known.set(pattern, count);
  }
  return count;
}

/** How many segments the path of `url` has, without making them: most routes are not mounted anywhere. */
function countSegments(url: string): number {
  let count = 0;
  let within = false;
  for (let at = 0; at < url.length && url[at] !== "?"; at += 1) {
    const slash = url[at] === "/";
    if (!slash && !within) count += 1;
    within = !slash;
  }
  return count;
}

function segments(path: string): string[] {
  return path.split("/").filter((segment) => segment !== "");
}
