/**
 * The page, its script and its style, as they were built when the package was packed.
 *
 * @module
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = join(__dirname, "page");

const ASSETS: Readonly<Record<string, { readonly file: string; readonly type: string }>> = {
  "/": { file: "index.html", type: "text/html; charset=utf-8" },
  "/page.js": { file: "page.js", type: "text/javascript; charset=utf-8" },
  "/page.css": { file: "page.css", type: "text/css; charset=utf-8" },
  "/icon.svg": { file: "icon.svg", type: "image/svg+xml" },
};

export interface Asset {
  readonly type: string;
  readonly bytes: Buffer;
}

const loaded = new Map<string, Promise<Asset>>();

/** Undefined for a path that is none of ours. */
export function asset(path: string): Promise<Asset> | undefined {
  const known = ASSETS[path];
  if (!known) return undefined;
  const found =
    loaded.get(path) ?? readFile(join(FOLDER, known.file)).then((bytes) => ({ type: known.type, bytes }));
  loaded.set(path, found);
  return found;
}
