/**
 * Makes modules of what documents and docstrings show, so that the compiler can be asked about it.
 */

/** Statements of a snippet stand in a function, so that they may `await`; members of a class stand in one. */
export function moduleOf(code: string): string {
  const imports = [...code.matchAll(/^import [^;]+;$/gmu)].map(([text]) => text);
  const rest = imports.reduce((text, statement) => text.replace(statement, ""), code);
  const isMember = rest.trimStart().startsWith("@") && !/^(?:export )?class /mu.test(rest);
  const body = isMember ? `class Sample {\n${rest}}` : rest;
  return `${imports.join("\n")}\nexport async function snippet() {\n${body}\n}\nexport {};\n`;
}

/** An `@example`: fenced where it has decorators, which would else be tags. Of a base class's method, `this` is a subclass. */
export function exampleModule(owner: string, example: string): string {
  const code = example.replace(/^```ts\n/u, "").replace(/\n```$/u, "");
  const [base, method] = owner.split(".");
  const isOfSubclass = method !== undefined && /\bthis\./u.test(code);
  return moduleOf(isOfSubclass ? `class Sample extends ${base} {\nasync sample() {\n${code}\n}\n}` : code);
}

/** What a short snippet takes for granted. */
export const GLOBALS = `
import "reflect-metadata";
import type * as Package from "activity-audit";
import type * as Clickhouse from "activity-audit/clickhouse";
import type * as Nest from "activity-audit/nest";
import type * as Read from "activity-audit/read";
import type * as NestCommon from "@nestjs/common";
import type * as TypeORM from "typeorm";

declare global {
  const audit: typeof Package.audit;
  const auditLogging: typeof Package.auditLogging;
  const levels: typeof Package.levels;
  const apiFile: typeof Package.apiFile;
  const apiLayout: typeof Package.apiLayout;
  const appFile: typeof Package.appFile;
  const auditFile: typeof Package.auditFile;
  const auditLayout: typeof Package.auditLayout;
  const consoleLayout: typeof Package.consoleLayout;
  const jsonLayout: typeof Package.jsonLayout;
  const loginFile: typeof Package.loginFile;
  const bindEmitterToContext: typeof Package.bindEmitterToContext;
  const bindToContext: typeof Package.bindToContext;
  const AuditEntity: typeof Package.AuditEntity;
  const AuditError: typeof Package.AuditError;
  const AuditIgnore: typeof Package.AuditIgnore;
  const AuditMask: typeof Package.AuditMask;
  const AuditRoute: typeof Package.AuditRoute;
  const NoAudit: typeof Package.NoAudit;
  const ExternalService: typeof Package.ExternalService;
  const HttpClient: typeof Package.HttpClient;
  const SftpClient: typeof Package.SftpClient;
  type RedactionPolicy = Package.RedactionPolicy;
  type Witness = Package.Witness;
  const clickhouseAppender: typeof Clickhouse.clickhouseAppender;
  const migrateClickhouse: typeof Clickhouse.migrateClickhouse;
  const AuditModule: typeof Nest.AuditModule;
  const AuditService: typeof Nest.AuditService;
  type AuditService = Nest.AuditService;
  const lineOf: typeof Read.lineOf;
  const openTrail: typeof Read.openTrail;

  const Injectable: typeof NestCommon.Injectable;
  const Module: typeof NestCommon.Module;
  const Column: typeof TypeORM.Column;
  const Entity: typeof TypeORM.Entity;
  const PrimaryGeneratedColumn: typeof TypeORM.PrimaryGeneratedColumn;
  const assert: typeof import("node:assert/strict");
  const axios: import("axios").AxiosStatic;
  const createExpressServer: typeof import("routing-controllers").createExpressServer;
  const express: typeof import("express");
  const log4js: import("log4js").Log4js;
  const readFileSync: typeof import("node:fs").readFileSync;
  namespace express {
    export type Request = import("express").Request;
    export type Response = import("express").Response;
  }

  // What the application has.
  const app: import("express").Express & import("koa");
  const axiosInstance: import("axios").AxiosInstance;
  class ConfigService {
    getOrThrow(name: string): string;
  }
  const dataSource: TypeORM.DataSource;
  const email: string;
  function expireSessions(): Promise<void>;
  const fastify: import("fastify").FastifyInstance;
  function handle(message: object): Promise<void>;
  const http: import("axios").AxiosInstance;
  const message: { headers: Record<"requestId" | "parentId" | "traceparent", string> };
  const notary: { put(key: string, text: string): Promise<void> };
  const options: Package.AuditOptions;
  class Patients {}
  const pool: { acquire(use: (connection: object) => void): void };
  const privateKey: string;
  const requestId: string;
  const response: import("express").Response;
  const server: import("node:http").Server;
  interface Stock {
    readonly packs: number;
  }
  const subscription: import("node:events").EventEmitter;
  const trail: Read.Trail;
  function use(connection: object): void;
  function warmUpCaches(): Promise<void>;
}
`;
