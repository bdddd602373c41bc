/**
 * Reads what an axios request and its answer say of themselves.
 *
 * @module
 */
import type { AxiosInstance, InternalAxiosRequestConfig } from "axios";

/**
 * The whole URL that is asked for. A serializer of the application's is not run a second time: what it made stands on
 * the request that went out.
 */
export function urlOf(instance: AxiosInstance, config: InternalAxiosRequestConfig, request: unknown): string {
  if (!config.paramsSerializer) return instance.getUri(config);
  const { path } = (request ?? {}) as { path?: unknown };
  const query = typeof path === "string" && path.includes("?") ? path.slice(path.indexOf("?")) : "";
  return instance.getUri({ ...config, params: undefined, paramsSerializer: undefined }) + query;
}

/** A body as it stands in an event; what is no text is copied by `snapshot`. */
export function bodyOf(data: unknown, snapshot: (value: unknown) => unknown): unknown {
  if (data === undefined || data === null) return null;
  return typeof data === "string" ? parsedIfJson(data) : snapshot(data);
}

/** axios has made a text of what was an object; the record shows the object again. */
function parsedIfJson(text: string): unknown {
  if (!/^\s*[[{]/.test(text) || text.length > 65_536) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** AxiosHeaders of whichever copy of axios, or a plain object. */
export function headersOf(headers: unknown): Record<string, unknown> {
  if (typeof headers !== "object" || headers === null) return {};
  const { toJSON } = headers as { toJSON?: () => Record<string, unknown> };
  return { ...(typeof toJSON === "function" ? toJSON.call(headers) : headers) };
}
