/**
 * How a ClickHouse server is reached, as users say it.
 *
 * @module
 */
import * as v from "valibot";
import type { ServerSettings } from "./protocol.js";

/** The server, and who asks. */
export interface ServerOptions {
  /** Address of the server's HTTP interface; default `http://127.0.0.1:8123`. */
  readonly url?: string;
  /** Must exist; default `default`. */
  readonly database?: string;
  /** Default `default`. */
  readonly username?: string;
  /** Default none. */
  readonly password?: string;
}

export const someText = v.optional(v.pipe(v.string(), v.nonEmpty("a text")));

/** The entries of `ServerOptions` as a schema. */
export const serverEntries = {
  url: v.optional(v.pipe(v.string(), v.url("the address of a server, such as http://127.0.0.1:8123"))),
  database: someText,
  username: someText,
  password: v.optional(v.string()),
};

export function serverSettings(
  options: v.InferOutput<v.StrictObjectSchema<typeof serverEntries, undefined>>,
  table: string,
  requestTimeoutMs: number,
): ServerSettings {
  return {
    url: options.url ?? "http://127.0.0.1:8123",
    database: options.database ?? "default",
    table,
    username: options.username ?? "default",
    password: options.password ?? "",
    requestTimeoutMs,
  };
}
