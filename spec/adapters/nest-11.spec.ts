/**
 * The same specs on Nest 11. It cannot be installed beside Nest 12 in one tree, so it comes from a folder of its own:
 * npm i --no-save --prefix .nest11 @nestjs/core@11 @nestjs/common@11 @nestjs/platform-express@11 @nestjs/platform-fastify@11 @nestjs/testing@11 rxjs@7 reflect-metadata
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import Module from "node:module";
import { resolve } from "node:path";
import { describe, it } from "node:test";

const folder = resolve(process.env["AUDIT_NEST11"] ?? ".nest11");
const missing = !existsSync(`${folder}/node_modules/@nestjs/core`) && `no Nest 11 in ${folder}`;

describe("Nest 11", () => {
  it("is the version that these specs run on", { skip: process.env["CI"] ? false : missing }, () => {
    assert.match((require("@nestjs/core/package.json") as { version: string }).version, /^11\./);
  });
});

if (!missing) {
  resolveNestIn(folder);
  // oxlint-disable-next-line import/no-unassigned-import -- it brings its own specs
  require("./nest.spec.js");
}

/** Makes everybody in this process, Nest's own packages included, find the Nest of that folder. */
function resolveNestIn(root: string): void {
  const loader = Module as unknown as { _resolveFilename(request: string, ...rest: unknown[]): string };
  const { _resolveFilename: resolveFilename } = loader;
  const parent = { filename: `${root}/spec.js`, paths: [`${root}/node_modules`] };
  Object.assign(loader, {
    _resolveFilename(request: string, from: unknown, ...rest: unknown[]): string {
      const ours = request === "rxjs" || request === "reflect-metadata" || request.startsWith("@nestjs/");
      return Reflect.apply(resolveFilename, loader, [request, ours ? parent : from, ...rest]) as string;
    },
  });
}
