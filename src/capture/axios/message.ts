/**
 * Reads what an axios request and its answer say of themselves.
 *
 * @module
 */
import type { AxiosError, AxiosInstance, AxiosResponse, InternalAxiosRequestConfig } from "axios";
import { fault, guarded } from "../../health.js";
import type { CapturedBody } from "../event.js";
import { MultipartReader, multipartBoundary } from "../http/multipart.js";
import { Passing } from "../passing.js";

/** How much of a form's fields is kept, in bytes. */
const FORM_LIMIT = 65_536;
/** Longer answers, in characters, are told as the copy of what axios made of them, which is bounded. */
const MAX_TEXT = 65_536;

/**
 * The whole URL that is asked for. Its query is taken from the request that went out, if there is one: a serializer of
 * the application's is not run a second time, and axios's own way to say it costs more than all else about a call.
 */
export function urlOf(instance: AxiosInstance, config: InternalAxiosRequestConfig, request: unknown): string {
  const { params, paramsSerializer } = config;
  const base = plainUrl(config);
  if (base !== null && !params) return base;
  const { path } = (request ?? {}) as { path?: unknown };
  const went = typeof path === "string" && redirectedTo(request) === null;
  if (!went) return uriOf(instance, paramsSerializer ? { ...config, params: undefined } : config);
  const asked = base ?? uriOf(instance, { ...config, params: undefined, paramsSerializer: undefined });
  const query = path.indexOf("?");
  return asked.replace(/[?#].*$/u, "") + (query === -1 ? "" : path.slice(query));
}

/** What axios takes for no URL is told as it was written. It may be an object, such as a `URL`, or not be there. */
function uriOf(instance: AxiosInstance, config: InternalAxiosRequestConfig): string {
  let uri: unknown = config.url;
  try {
    uri = instance.getUri(config);
  } catch {
    // Axios will say so.
  }
  return String(uri ?? "");
}

/** Without `params`, what axios asks for is what the application wrote; `null` where axios puts it together. */
function plainUrl({ url, baseURL, allowAbsoluteUrls }: InternalAxiosRequestConfig): string | null {
  if (typeof url !== "string") return null;
  const absolute = /^(?:[a-z][a-z\d+\-.]*:)?\/\//iu.test(url);
  if (!baseURL || (absolute && allowAbsoluteUrls !== false)) return absolute ? url : null;
  return url === "" ? baseURL : `${baseURL.replace(/\/+$/u, "")}/${url.replace(/^\/+/u, "")}`;
}

/** What the last request of a call met, as the http adapter leaves it on the request. */
interface Met {
  readonly statusCode?: number;
  readonly headers?: Record<string, unknown>;
  readonly responseUrl?: string;
}

/** The answer that had begun when the call failed. */
export function metBy(request: unknown): Met {
  const { res } = (request ?? {}) as { res?: Met };
  return typeof res === "object" && res !== null ? res : {};
}

/** An adapter of the application's may give anything for a status. */
export function statusOf(answer: { readonly status?: unknown } | undefined): number | null {
  const given = answer?.status;
  const status = typeof given === "string" ? Number(given) : given;
  return Number.isInteger(status) && (status as number) > 0 ? (status as number) : null;
}

/** Where redirects led; `null` where there were none. */
export function redirectedTo(request: unknown): string | null {
  const { _redirectable: followed } = (request ?? {}) as { _redirectable?: { _redirectCount?: number } };
  // oxlint-disable-next-line no-underscore-dangle -- the name of follow-redirects
  return followed?._redirectCount ? (metBy(request).responseUrl ?? null) : null;
}

/** A body that is given whole; what is no text is copied by `snapshot`. */
export function bodyOf(data: unknown, snapshot: (value: unknown) => unknown): unknown {
  if (data === undefined || data === null) return null;
  if (data instanceof FormData) return formFields(data);
  // axios has made a text of what was an object; the record shows the object again.
  if (typeof data === "string") return data;
  const copy = snapshot(data);
  // A service may answer with what would be taken for a body that was seen in bytes.
  const likeSeen = typeof copy === "object" && copy !== null && "chunks" in copy && "truncated" in copy;
  return likeSeen ? JSON.stringify(copy) : copy;
}

/** As multipart forms that come in are told, but for the hashes: the files have not been read. */
function formFields(form: FormData): CapturedBody {
  const parts = [...form.entries()].map(([name, value]) => {
    const file = typeof value === "string" ? null : value;
    const text = typeof value === "string" ? value : null;
    return {
      name,
      filename: file && file.name,
      contentType: file && file.type,
      bytes: file?.size ?? Buffer.byteLength(text ?? ""),
      sha256: null,
      value: text,
      truncated: false,
    };
  });
  return { chunks: [], bytes: parts.reduce((sum, { bytes }) => sum + bytes, 0), truncated: false, parts };
}

/**
 * Tells the text that the adapter answers with, before axios makes an object of it: a copy of that object would cost
 * more, and has not all the digits of the text.
 */
export function answeredText(answer: Promise<AxiosResponse>, tell: (text: string) => void): void {
  // Of any other class, `then` may run code of the application's.
  if (!(answer instanceof Promise) || answer.constructor !== Promise) return;
  const seen = (response: Partial<AxiosResponse> | undefined): void => {
    try {
      const data: unknown = response?.data;
      if (typeof data === "string" && data.length <= MAX_TEXT) tell(data);
    } catch (error) {
      fault("capture.axios", error);
    }
  };
  // Axios comes to it only after us.
  void answer.then(seen, (error: Partial<AxiosError> | undefined) =>
    guarded("capture.axios", () => seen(error?.response)),
  );
}

/** Whether an answer that is an object now was this text, and says itself that it is JSON. */
export function isJsonOf(text: string | undefined, response: AxiosResponse | undefined): boolean {
  if (text === undefined || typeof response?.data !== "object") return false;
  const type: unknown = response.headers["content-type"];
  return typeof type === "string" && /^[^;]*[/+]json\b/iu.test(type);
}

/** A body that passes as a stream: a form by its parts, any other by its bytes. */
export class StreamedBody {
  readonly passing: Passing;
  readonly #form: MultipartReader | null;

  constructor(passing: Passing, headers: Record<string, unknown>) {
    this.passing = passing;
    const boundary = multipartBoundary(contentTypeOf(headers));
    this.#form = boundary === null ? null : new MultipartReader(boundary, FORM_LIMIT);
    const form = this.#form;
    if (form)
      passing.part = (bytes) => form.read(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  told(): unknown {
    const { passing } = this;
    const form = passing.end?.how === "whole" ? this.#form : null;
    const parts = form?.parts();
    if (form && parts?.length) return { chunks: [], bytes: passing.bytes, truncated: !form.whole, parts };
    return { $stream: true, bytes: passing.bytes, sha256: passing.sha256() };
  }
}

/** A request or an answer, as far as it says what its body is. */
export interface Message {
  readonly headers?: unknown;
  readonly data?: unknown;
}

/** The headers of a body; a form of the `form-data` package brings its own, which the adapter takes. */
export function bodyHeaders({ headers, data }: Message = {}): Record<string, unknown> {
  const { getHeaders } = (data ?? {}) as { getHeaders?: () => Record<string, unknown> };
  return typeof getHeaders === "function" ? getHeaders.call(data) : headersOf(headers);
}

function contentTypeOf(headers: Record<string, unknown>): string | undefined {
  const name = Object.keys(headers).find((key) => key.toLowerCase() === "content-type");
  const value = name === undefined ? undefined : headers[name];
  return typeof value === "string" ? value : undefined;
}

type RequestHeaders = InternalAxiosRequestConfig["headers"];

/**
 * Adds headers that are not there yet. An interceptor may have put a plain object in the place of axios's own, perhaps
 * one that it uses for each request: that is left as it is.
 */
export function sendOn(
  config: InternalAxiosRequestConfig,
  more: readonly (readonly [string, string])[],
): void {
  const headers = config.headers as Partial<RequestHeaders> | undefined;
  if (typeof headers?.has === "function" && typeof headers.set === "function") {
    for (const [name, value] of more) if (!headers.has(name)) headers.set(name, value);
    return;
  }
  if (typeof headers === "string" || Array.isArray(headers)) return;
  const known = new Set(Object.keys(headers ?? {}).map((name) => name.toLowerCase()));
  const added = more.filter(([name]) => !known.has(name));
  config.headers = { ...headers, ...Object.fromEntries(added) } as unknown as RequestHeaders;
}

/** AxiosHeaders of whichever copy of axios, or a plain object. */
export function headersOf(headers: unknown): Record<string, unknown> {
  if (typeof headers !== "object" || headers === null) return {};
  const { toJSON } = headers as { toJSON?: () => Record<string, unknown> };
  return typeof toJSON === "function" ? toJSON.call(headers) : { ...headers };
}
