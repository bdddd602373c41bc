/**
 * The methods of ssh2-sftp-client, as the capture reads them. A spec holds the table against the library.
 *
 * @module
 */

/** What is known of one method. */
export interface Operation {
  /** Which argument is the remote path. */
  readonly remote?: number;
  /** Which argument is the local path, if it is a text. */
  readonly local?: number;
  /** Which argument is a second remote path: where to. */
  readonly to?: number;
  /** Which way the content of a file goes over the connection; a copy on the server is counted as it is written. */
  readonly moves?: "read" | "write";
  /** The pieces of the file, which is moved whole, are sent in any order. */
  readonly unordered?: true;
  /** Methods that it is made of, and that are no operations of the application's. */
  readonly within?: readonly string[];
  /** Those that are told nevertheless, one for each file that it moves or removes. */
  readonly parts?: readonly string[];
  /** It gives a stream at once, and has ended when that is closed. */
  readonly stream?: true;
}

const lookups = ["realPath", "exists", "lstat"];

export const operations: Readonly<Record<string, Operation>> = {
  connect: {},
  end: {},
  cwd: { within: ["realPath"] },
  realPath: { remote: 0 },
  stat: { remote: 0 },
  lstat: { remote: 0 },
  exists: { remote: 0, within: ["lstat"] },
  list: { remote: 0 },
  get: { remote: 0, local: 1, moves: "read" },
  fastGet: { remote: 0, local: 1, moves: "read", unordered: true, within: [...lookups, "_fastGet"] },
  put: { local: 0, remote: 1, moves: "write", within: ["_put"] },
  fastPut: { local: 0, remote: 1, moves: "write", unordered: true, within: ["_fastPut"] },
  append: { local: 0, remote: 1, moves: "write", within: lookups },
  createReadStream: { remote: 0, moves: "read", stream: true },
  createWriteStream: { remote: 0, moves: "write", stream: true },
  mkdir: { remote: 0, within: lookups },
  rmdir: { remote: 0, within: [...lookups, "list", "rmdir"], parts: ["delete"] },
  delete: { remote: 0 },
  rename: { remote: 0, to: 1 },
  posixRename: { remote: 0, to: 1 },
  chmod: { remote: 0 },
  uploadDir: { local: 0, remote: 1, within: [...lookups, "uploadDir"], parts: ["_put", "_fastPut"] },
  downloadDir: { remote: 0, local: 1, within: ["list", "downloadDir"], parts: ["get", "_fastGet"] },
  rcopy: { remote: 0, to: 1, moves: "write", within: lookups },
};

/** The library's own ways that directories are moved by; on their own they are the inside of an operation. */
export const innerMethods = ["_put", "_fastPut", "_fastGet"];

/** An operation's name, as the application knows it. */
export const publicName = (method: string): string => method.replace(/^_/, "");

export type Role = "told" | "part" | "within";

/** What a call of `method` is while `outer` is under way around it. */
export function roleOf(method: string, outer: string | undefined): Role {
  const around = outer === undefined ? undefined : operations[outer];
  if (around?.parts?.includes(method)) return "part";
  if (around?.within?.includes(method) || method.startsWith("_")) return "within";
  return "told";
}
