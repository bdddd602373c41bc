/**
 * What users choose about requests that come in.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import * as v from "valibot";
import { callback } from "../../check.js";
import type { ActorLike } from "../../context/actor.js";
import { matcher, type Matcher, type Noise, type PathRule } from "./choice.js";
import { trustFunction, type TrustProxy } from "./client-address.js";

/** Which bodies are captured. */
export type Bodies = boolean | "request" | "response";

/**
 * Something read from a request. It is given the framework's own request (Express's and Fastify's `request`, Koa's
 * `ctx`), when the record is made: after authentication.
 */
export type FromRequest<Value> = (request: any) => Value;

/** What is captured of the requests that fit `path`; what is left out is as for all. */
export interface RouteRule {
  /** Which requests: a path (`*` stands for anything), a pattern, a function, or a list of these. */
  readonly path: PathRule | readonly PathRule[];
  /** Which bodies are recorded. Default: as for all. */
  readonly bodies?: Bodies | undefined;
  /** Whether headers are recorded. Default: as for all. */
  readonly headers?: boolean | undefined;
  /** In bytes, of each body. Default: as for all. */
  readonly bodyLimit?: number | undefined;
}

/**
 * Options for requests that come in: `audit.start({ requests: { … } })`.
 *
 * @example
 * audit.start({
 *   serviceName: "clinic",
 *   requests: { skip: ["health"], bodyLimit: 16_384, routes: [{ path: "/login", bodies: false }] },
 * });
 */
export interface RequestOptions {
  /** Only requests that one of these fits are recorded. Default: all. */
  readonly include?: PathRule | readonly PathRule[] | undefined;
  /** Requests that one of these fits are not recorded. Default: none. */
  readonly exclude?: PathRule | readonly PathRule[] | undefined;
  /** `"decorated"`: only requests that reach a handler with `@AuditRoute` are recorded. Default: all. */
  readonly only?: "decorated" | undefined;
  /**
   * Leaves out health checks and static files (by the usual paths and extensions), as long as they end well: one that
   * fails is recorded. Default: nothing is left out.
   */
  readonly skip?: readonly Noise[] | undefined;
  /**
   * Whether requests are recorded that Node cannot read (400, 413, 431), or whose head does not come in time (408), and
   * that therefore reach no handler. Their method and path are empty where they could not be read. Default `true`; with
   * `include` or `only` they are not recorded.
   */
  readonly unreadable?: boolean | undefined;
  /**
   * Which bodies are recorded: `true` both, `false` none, `"request"` or `"response"` one. Default `true`.
   */
  readonly bodies?: Bodies | undefined;
  /** Whether headers are recorded. Default `true`. */
  readonly headers?: boolean | undefined;
  /** How much is kept of each body, in bytes; the rest is counted. Default 65,536; at most 16 MiB. */
  readonly bodyLimit?: number | undefined;
  /** Other choices for some paths; the first that fits holds. Default: none. */
  readonly routes?: readonly RouteRule[] | undefined;
  /** The header that brings the `request_id`. `false`: it is always made here. Default `"x-request-id"`. */
  readonly requestIdHeader?: string | false | undefined;
  /** Which proxies are believed about the client's address. Default: what the framework is set to; else nobody. */
  readonly trustProxy?: TrustProxy | undefined;
  /** Whose data it is; stands in `extra.tenant` of all that the request causes. Default: not said. */
  readonly tenant?: FromRequest<unknown> | undefined;
  /** Why; stands in `extra.reason` of all that the request causes. Default: not said. */
  readonly reason?: FromRequest<unknown> | undefined;
  /**
   * For whom the actor acts; stands in `extra.on_behalf_of` of all that the request causes. Default: nobody.
   */
  readonly onBehalfOf?: FromRequest<ActorLike> | undefined;
}

const bodies = v.union(
  [v.boolean(), v.picklist(["request", "response"])],
  'true, false, "request" or "response"',
);
const bodyLimit = v.pipe(
  v.number(),
  v.integer("a whole number of bytes from 0 to 16777216"),
  v.minValue(0, "a whole number of bytes from 0 to 16777216"),
  v.maxValue(16 * 1024 * 1024, "a whole number of bytes from 0 to 16777216"),
);
const pathRule = v.custom<PathRule>(
  (value) =>
    (typeof value === "string" && (value.startsWith("/") || value.startsWith("*"))) ||
    value instanceof RegExp ||
    typeof value === "function",
  "a path that begins with `/`, a regular expression or a function",
);
const pathRules = v.union(
  [pathRule, v.array(pathRule)],
  "a path that begins with `/`, a regular expression, a function, or a list of these",
);
const trustProxy = v.custom<TrustProxy>((value) => {
  try {
    trustFunction(value as TrustProxy);
    return true;
  } catch {
    return false;
  }
}, "true, false, a number of hops, addresses, ranges, or a function");

/** The schema of `RequestOptions`, with the defaults. */
export const requestOptionsSchema = v.strictObject({
  include: v.optional(pathRules),
  exclude: v.optional(pathRules),
  only: v.optional(v.picklist(["decorated"])),
  skip: v.optional(v.array(v.picklist(["health", "static"])), []),
  unreadable: v.optional(v.boolean(), true),
  bodies: v.optional(bodies, true),
  headers: v.optional(v.boolean(), true),
  bodyLimit: v.optional(bodyLimit, 65_536),
  routes: v.optional(
    v.array(
      v.strictObject({
        path: pathRules,
        bodies: v.optional(bodies),
        headers: v.optional(v.boolean()),
        bodyLimit: v.optional(bodyLimit),
      }),
    ),
    [],
  ),
  requestIdHeader: v.optional(
    v.union(
      [v.literal(false), v.pipe(v.string(), v.regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/))],
      "a header's name, or false",
    ),
    "x-request-id",
  ),
  trustProxy: v.optional(trustProxy),
  tenant: v.optional(callback<FromRequest<unknown>>()),
  reason: v.optional(callback<FromRequest<unknown>>()),
  onBehalfOf: v.optional(callback<FromRequest<ActorLike>>()),
});

/** What is captured of one request. */
export interface Detail {
  readonly requestBody: boolean;
  readonly responseBody: boolean;
  readonly headers: boolean;
  readonly bodyLimit: number;
}

/** The options in the form in which a request is held against them. */
export interface RequestPolicy {
  readonly actor: FromRequest<ActorLike>;
  readonly only: "decorated" | undefined;
  readonly skip: readonly Noise[];
  readonly unreadable: boolean;
  readonly requestIdHeader: string | false;
  readonly trust: ReturnType<typeof trustFunction> | null;
  readonly stated: Pick<RequestOptions, "tenant" | "reason" | "onBehalfOf">;
  /** Whether requests of this path are captured at all. */
  captures(path: string, request: IncomingMessage): boolean;
  detail(path: string, request: IncomingMessage): Detail;
}

/** @param actor - who acts, from the request; read when a record is made */
export function requestPolicy(options: RequestOptions, actor: FromRequest<ActorLike>): RequestPolicy {
  const checked = v.parse(requestOptionsSchema, options);
  const included = matcher(checked.include);
  const excluded = matcher(checked.exclude);
  const usual = detailOf(checked);
  const routes = checked.routes.map((rule): [Matcher | null, Detail] => [
    matcher(rule.path),
    detailOf({ ...checked, ...defined(rule) }),
  ]);
  return {
    actor,
    only: checked.only,
    skip: checked.skip,
    unreadable: checked.unreadable && checked.include === undefined && checked.only === undefined,
    requestIdHeader: checked.requestIdHeader && checked.requestIdHeader.toLowerCase(),
    trust: checked.trustProxy === undefined ? null : trustFunction(checked.trustProxy),
    stated: checked,
    captures: (path, request) =>
      (included === null || included(path, request)) && !(excluded !== null && excluded(path, request)),
    detail: (path, request) => routes.find(([fits]) => fits?.(path, request))?.[1] ?? usual,
  };
}

function detailOf(options: { bodies: Bodies; headers: boolean; bodyLimit: number }): Detail {
  return {
    requestBody: options.bodies === true || options.bodies === "request",
    responseBody: options.bodies === true || options.bodies === "response",
    headers: options.headers,
    bodyLimit: options.bodyLimit,
  };
}

function defined<T extends object>(rule: T): { [Key in keyof T]: Exclude<T[Key], undefined> } {
  return Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined)) as never;
}
