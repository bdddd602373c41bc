/**
 * What users choose about calls that no client of ours makes.
 *
 * @module
 */
import * as v from "valibot";
import { matcher } from "../http/choice.js";

/**
 * A rule on where a call goes: a host (`api.example`, with or without its port), a host with `*`
 * (`*.internal.example`), a regular expression on the host with its port if it is not the usual one, or a function.
 */
export type HostRule = string | RegExp | ((url: URL) => boolean);

/** Options for calls by `fetch`, undici and `node:http`: `audit.start({ outbound: { … } })`. */
export interface OutboundOptions {
  /** Calls by `fetch` and by undici. Default `true`. */
  readonly fetch?: boolean | undefined;
  /** Calls by `http.request`, `https.request`, and by what is built on them. Default `true`. */
  readonly http?: boolean | undefined;
  /** Only calls to hosts that one of these fits are recorded. Default: all. */
  readonly include?: HostRule | readonly HostRule[] | undefined;
  /** Calls to hosts that one of these fits are not recorded. Default: none. */
  readonly exclude?: HostRule | readonly HostRule[] | undefined;
  /** `service_name` by host (with its port, if it is not the usual one). Default: the host itself. */
  readonly services?: Readonly<Record<string, string>> | undefined;
  /** How much is written of these calls. Default: as `external` says. */
  readonly log?: "metadata" | "full" | undefined;
  /**
   * Whether the trace that a request came in with (`traceparent`, `tracestate`, `baggage`) is sent on with the calls that
   * are recorded: to all hosts, or to those that one of these rules fits. Default `false`. With `node:http` of Node 20
   * nothing is sent on.
   */
  readonly propagate?: boolean | HostRule | readonly HostRule[] | undefined;
  /** How much is kept of each body, in bytes; the rest is counted. Default 65,536; at most 16 MiB. */
  readonly bodyLimit?: number | undefined;
}

const bytes = "a whole number of bytes from 0 to 16777216";
const hostRule = v.custom<HostRule>(
  (value) =>
    (typeof value === "string" && /^[^\s/]+$/u.test(value)) ||
    value instanceof RegExp ||
    typeof value === "function",
  "a host (without `https://`), a regular expression or a function",
);
const hostRules = v.union(
  [hostRule, v.array(hostRule)],
  "a host (without `https://`), a regular expression, a function, or a list of these",
);

/** The schema of `OutboundOptions`, with the defaults. */
export const outboundOptionsSchema = v.strictObject({
  fetch: v.optional(v.boolean(), true),
  http: v.optional(v.boolean(), true),
  include: v.optional(hostRules),
  exclude: v.optional(hostRules),
  services: v.optional(v.record(v.string(), v.pipe(v.string("a name"), v.nonEmpty("a name"))), {}),
  log: v.optional(v.picklist(["metadata", "full"], '"metadata" or "full"')),
  propagate: v.optional(
    v.union(
      [v.boolean(), hostRules],
      "true, false, a host (without `https://`), a regular expression, a function, or a list",
    ),
    false,
  ),
  bodyLimit: v.optional(
    v.pipe(v.number(bytes), v.integer(bytes), v.minValue(0, bytes), v.maxValue(16 * 1024 * 1024, bytes)),
    65_536,
  ),
});

export type CheckedOutboundOptions = v.InferOutput<typeof outboundOptionsSchema>;

/**
 * The name of the service that a URL belongs to; `null` where its calls are not recorded.
 *
 * @param origin - scheme, host and port
 * @param path - path and query
 */
export type ServiceOf = (origin: string, path: string) => string | null;

/** Different origins that are remembered; beyond, all are forgotten. */
const MAX_KNOWN = 1024;

export function serviceFinder(options: CheckedOutboundOptions): ServiceOf {
  const included = hostMatcher(options.include);
  const excluded = hostMatcher(options.exclude);
  const find: ServiceOf = (origin, path) => {
    const url = URL.canParse(origin + path) ? new URL(origin + path) : null;
    if (url === null || (included && !included(url)) || excluded?.(url)) return null;
    return Object.hasOwn(options.services, url.host) ? options.services[url.host]! : url.host;
  };
  return byOrigin(find, [options.include, options.exclude]);
}

/** Whether the trace goes along with a call. */
export function propagationFinder({
  propagate,
}: CheckedOutboundOptions): (origin: string, path: string) => boolean {
  if (typeof propagate === "boolean") return () => propagate;
  const fits = hostMatcher(propagate);
  return byOrigin((origin, path) => fits?.(new URL(origin + path)) ?? false, [propagate]);
}

type Find<T> = (origin: string, path: string) => T;

/** Where only the host decides, it does so once: to parse a URL takes longer than all else about whose call it is. */
function byOrigin<T>(find: Find<T>, rules: readonly CheckedOutboundOptions["include"][]): Find<T> {
  if (rules.flat().some((rule) => typeof rule === "function")) return find;
  const known = new Map<string, T>();
  return (origin, path) => {
    // By anything else behind it the host could be another than it seems.
    if (!path.startsWith("/")) return find(origin, path);
    const told = known.get(origin);
    if (told !== undefined) return told;
    const found = find(origin, path);
    if (known.size >= MAX_KNOWN) known.clear();
    known.set(origin, found);
    return found;
  };
}

/** A rule fits the host as it stands in the URL, or without its port. */
function hostMatcher(rules: CheckedOutboundOptions["include"]): ((url: URL) => boolean) | null {
  const fits = matcher<URL>(rules);
  return fits && ((url) => fits(url.host, url) || (url.port !== "" && fits(url.hostname, url)));
}
