/**
 * What README and docs show compiles against the package, and where they lead there is something.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { describe, it } from "node:test";
import { snippets } from "./support/readme.js";

const root = resolve(__dirname, "../..");
const pages = [
  "README.md",
  "CHANGELOG.md",
  "bench/README.md",
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const read = (page: string): string => readFileSync(join(root, page), "utf8");

describe("README and docs", () => {
  it("show TypeScript that compiles against the package", () => {
    const directory = mkdtempSync(join(root, "build", "snippets-"));
    try {
      const found = pages.flatMap((page) =>
        snippets(join(root, page))
          .filter(({ language }) => language === "ts")
          .map((snippet) => ({ page, ...snippet })),
      );
      assert.ok(found.length > 25, `${found.length} snippets`);
      for (const { page, code, line } of found) {
        const name = `${page.replaceAll("/", "-").replace(".md", "")}-line-${line}.ts`;
        writeFileSync(join(directory, name), moduleOf(code));
      }
      writeFileSync(join(directory, "globals.d.ts"), GLOBALS);
      writeFileSync(join(directory, "absent.d.ts"), 'declare module "@aws-sdk/client-s3";\n');
      writeFileSync(
        join(directory, "tsconfig.json"),
        JSON.stringify({
          extends: "../../spec/tsconfig.json",
          compilerOptions: { noEmit: true, noUnusedLocals: false, noUnusedParameters: false, rootDir: "." },
          include: ["."],
        }),
      );
      execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", directory], {
        cwd: root,
        stdio: "inherit",
      });
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  it("link to files and headings that there are", () => {
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/gu)) {
        const [path, heading] = target!.split("#") as [string, string?];
        const file = path === "" ? page : join(dirname(page), path);
        assert.ok(existsSync(join(root, file)), `${page} leads to ${target}`);
        if (heading === undefined) continue;
        const headings = [...read(file).matchAll(/^#+ (.+)$/gmu)].map(([, text]) => anchorOf(text!));
        assert.ok(headings.includes(heading), `${page} leads to ${target}; there are ${headings.join(" ")}`);
      }
    }
  });

  it("each have a place in the README's list", () => {
    const readme = read("README.md");
    for (const page of pages.filter((name) => name.startsWith("docs/"))) {
      assert.ok(readme.includes(`(${page})`), `README.md leads to ${basename(page)}`);
    }
  });
});

/** Statements of a snippet stand in a function, so that they may `await`; members of a class stand in one. */
function moduleOf(code: string): string {
  const imports = [...code.matchAll(/^import [^;]+;$/gmu)].map(([text]) => text);
  const rest = imports.reduce((text, statement) => text.replace(statement, ""), code);
  const isMember = rest.trimStart().startsWith("@") && !/^(?:export )?class /mu.test(rest);
  const body = isMember ? `class Sample {\n${rest}}` : rest;
  return `${imports.join("\n")}\nexport async function snippet() {\n${body}}\nexport {};\n`;
}

/** As GitHub makes it of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\s-]/gu, "")
    .replaceAll(/\s/gu, "-");
}

/** What a short snippet takes for granted. */
const GLOBALS = `
import "reflect-metadata";
import type * as Package from "activity-audit";
import type * as TypeORM from "typeorm";

declare global {
  const audit: typeof Package.audit;
  const auditLogging: typeof Package.auditLogging;
  const AuditEntity: typeof Package.AuditEntity;
  const AuditIgnore: typeof Package.AuditIgnore;
  const AuditMask: typeof Package.AuditMask;
  const AuditRoute: typeof Package.AuditRoute;
  const NoAudit: typeof Package.NoAudit;
  const ExternalService: typeof Package.ExternalService;
  const Column: typeof TypeORM.Column;
  const Entity: typeof TypeORM.Entity;
  const PrimaryGeneratedColumn: typeof TypeORM.PrimaryGeneratedColumn;
  const dataSource: TypeORM.DataSource;
  const axios: import("axios").AxiosStatic;
  const http: import("axios").AxiosInstance;
  const express: typeof import("express");
  const app: import("express").Express;
  namespace express {
    export type Request = import("express").Request;
    export type Response = import("express").Response;
  }
  const log4js: import("log4js").Log4js;
  const readFileSync: typeof import("node:fs").readFileSync;
  const options: Package.AuditOptions;
  const requestId: string;
  const pool: { acquire(use: (connection: object) => void): void };
  function use(connection: object): void;
  function expireSessions(): Promise<void>;
}
`;
