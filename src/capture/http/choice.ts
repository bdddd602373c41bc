/**
 * Which requests are recorded, by path, pattern or predicate.
 *
 * @module
 */
import type { IncomingMessage } from "node:http";
import { fault } from "../../health.js";

/**
 * A rule on a request: a path (`/health`), a path with `*` for anything within a segment and `**` for anything
 * (`/static/**`), a regular expression on the path, or a function of the request. The query is not looked at.
 */
export type PathRule = string | RegExp | ((request: IncomingMessage) => boolean);

/** True when a rule fits. A function that throws is counted, and does not fit. */
export type Matcher<Subject = IncomingMessage> = (text: string, subject: Subject) => boolean;

type Rule<Subject> = string | RegExp | ((subject: Subject) => boolean);

/** One function for one or many rules on a text, or on what it belongs to; `null` for none. */
export function matcher<Subject = IncomingMessage>(
  rules: Rule<Subject> | readonly Rule<Subject>[] | undefined,
): Matcher<Subject> | null {
  if (rules === undefined) return null;
  const each = (Array.isArray(rules) ? (rules as readonly Rule<Subject>[]) : [rules as Rule<Subject>]).map(
    (rule) => single(rule),
  );
  return (text, subject) => each.some((fits) => fits(text, subject));
}

function single<Subject>(rule: Rule<Subject>): Matcher<Subject> {
  if (typeof rule === "function") {
    return (_text, subject) => {
      try {
        return rule(subject) === true;
      } catch (error) {
        fault("capture.http_rule", error);
        return false;
      }
    };
  }
  // A global or sticky expression remembers where it stopped, and would miss every other request.
  const pattern =
    typeof rule === "string" ? wildcard(rule) : new RegExp(rule.source, rule.flags.replace(/[gy]/g, ""));
  return typeof pattern === "string" ? (text) => text === pattern : (text) => pattern.test(text);
}

function wildcard(rule: string): string | RegExp {
  if (!rule.includes("*")) return rule;
  const source = rule
    .split(/(\*\*|\*)/)
    .map((part) =>
      part === "**" ? ".*" : part === "*" ? "[^/]*" : part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"),
    )
    .join("");
  return new RegExp(`^${source}$`);
}

/** The path of a request line: without query, and without scheme and host where a proxy's client sent them. */
export function pathOf(url: string): string {
  const query = url.indexOf("?");
  const path = query < 0 ? url : url.slice(0, query);
  return path.startsWith("/") ? path : path.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/]*/i, "") || "/";
}

/** Requests that seldom matter to an audit, as long as they end well. */
export type Noise = "health" | "static";

const healthPath =
  /^(?:\/(?:api|actuator|internal|v\d+))*\/(?:health|healthz|livez?|liveness|readyz?|readiness|ping)(?:\/(?:live|liveness|ready|readiness))?\/?$/;
const staticPath = /\.(?:js|mjs|css|map|ico|png|jpe?g|gif|svg|webp|avif|woff2?|ttf|eot|txt|webmanifest)$/i;

/** True for a GET or HEAD of a health check, or of a static file, as far as `kinds` names them. */
export function isNoise(kinds: readonly Noise[], method: string, path: string): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  return (
    (kinds.includes("health") && healthPath.test(path)) || (kinds.includes("static") && staticPath.test(path))
  );
}
