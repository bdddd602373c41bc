/**
 * Nest 11 and 12, on Express and on Fastify: a module that starts audit, records at the edge, and tells each request
 * which controller serves it.
 *
 * @module
 */
import type {
  CallHandler,
  CanActivate,
  DynamicModule,
  ExecutionContext,
  FactoryProvider,
  HttpServer,
  InjectionToken,
  ModuleMetadata,
  NestInterceptor,
  OptionalFactoryDependency,
} from "@nestjs/common";
import { ApplicationConfig, HttpAdapterHost, ModulesContainer } from "@nestjs/core";
import { tap, type Observable } from "rxjs";
import type { Undo } from "../capture/capture.js";
import { isPassportStrategy } from "../capture/http/passport.js";
import type { RequestRecorder } from "../capture/http/recorder.js";
import type { Requests } from "../capture/http/running.js";
import { recorderOf } from "../capture/http/tee.js";
import type { RequestPart } from "../context/context.js";
import { lineage } from "../decorate/store.js";
import { guarded } from "../health.js";
import { expressAdapter } from "./express.js";
import { fastifyAdapter } from "./fastify.js";
import { describeMethod, routeOnly } from "./handler.js";

/** As much of the `audit` runtime as the module drives. */
export interface NestRuntime<Options> {
  start(options: Options): unknown;
  /** Records the rows of a TypeORM DataSource, the logins of a Passport strategy. */
  attach(target: object): Undo;
  flush(): Promise<unknown>;
  stop(): Promise<unknown>;
}

/** Options that come from elsewhere, from a configuration service for example. */
export interface AsyncOptions<Options> extends Pick<ModuleMetadata, "imports"> {
  /** What `useFactory` is given, in this order. Default: nothing. */
  readonly inject?: (InjectionToken | OptionalFactoryDependency)[];
  /** Makes the options of `audit.start`. */
  readonly useFactory: (...injected: any[]) => Options | Promise<Options>;
}

/** `AuditModule`, imported once, in the root module. It is global: `AuditService` can be injected everywhere. */
export interface AuditModuleClass<Options> {
  new (): object;
  /**
   * Starts audit with `options` while the application is created, and stops it when the application has closed, after all
   * records are written. Without options the module works with an audit that was started elsewhere, and only flushes.
   *
   * @param options - those of `audit.start`
   * @example
   * ```ts
   * @Module({ imports: [AuditModule.forRoot({ serviceName: "clinic", actor: (request) => request.user })] })
   * class AppModule {}
   * ```
   */
  forRoot(options?: Options): DynamicModule;
  /**
   * The same, with options that are made by a function of injected providers.
   *
   * @param options - `imports`, `inject` and `useFactory`, as Nest's own providers have them
   * @example
   * ```ts
   * @Module({
   *   imports: [
   *     AuditModule.forRootAsync({
   *       inject: [ConfigService],
   *       useFactory: (config: ConfigService) => ({ serviceName: config.getOrThrow("SERVICE_NAME") }),
   *     }),
   *   ],
   * })
   * class AppModule {}
   * ```
   */
  forRootAsync(options: AsyncOptions<Options>): DynamicModule;
}

const STARTED = Symbol("activity-audit started");
const CONNECTED = Symbol("activity-audit connected");

/**
 * Makes the module for `runtime`.
 *
 * @param service - the injectable facade of the runtime; its own constructor takes nothing
 */
export function nestAdapter<Options>(
  runtime: NestRuntime<Options>,
  service: new () => object,
  requests: Requests,
): AuditModuleClass<Options> {
  const moduleOf = (start: FactoryProvider, imports: ModuleMetadata["imports"] = []): DynamicModule => ({
    module: AuditModule,
    global: true,
    imports,
    providers: [start, connected(runtime, requests), { provide: service, useFactory: () => new service() }],
    exports: [service],
  });
  // oxlint-disable-next-line typescript/no-extraneous-class -- Nest's modules are classes
  class AuditModule {
    static forRoot(options?: Options): DynamicModule {
      return moduleOf({
        provide: STARTED,
        useFactory: () => options !== undefined && started(runtime, options),
      });
    }

    static forRootAsync({ imports, inject = [], useFactory }: AsyncOptions<Options>): DynamicModule {
      const factory = async (...injected: unknown[]): Promise<boolean> =>
        started(runtime, await useFactory(...injected));
      return moduleOf({ provide: STARTED, inject, useFactory: factory }, imports);
    }
  }
  return AuditModule;
}

function started<Options>(runtime: NestRuntime<Options>, options: Options): true {
  runtime.start(options);
  return true;
}

function connected<Options>(runtime: NestRuntime<Options>, requests: Requests): FactoryProvider {
  return {
    provide: CONNECTED,
    inject: [STARTED, HttpAdapterHost, ApplicationConfig, ModulesContainer],
    useFactory: (
      owned: boolean,
      host: HttpAdapterHost,
      config: ApplicationConfig,
      modules: ModulesContainer,
    ) => {
      // This runs while providers are made: before Nest's own body parser, and before guards that users add.
      if (host.httpAdapter as HttpServer | undefined) watchRequests(host.httpAdapter, requests);
      // A testing module makes its providers before it is given an adapter. The first Nest 11 cannot tell of it.
      else
        (host as Partial<HttpAdapterHost>).init$?.subscribe(() => watchRequests(host.httpAdapter, requests));
      config.getGlobalGuards().unshift(new HandlerGuard());
      config.getGlobalInterceptors().unshift(new ErrorInterceptor());
      return new Lifecycle(runtime, owned, modules);
    },
  };
}

function watchRequests(adapter: HttpServer | undefined, requests: Requests): void {
  const type = adapter?.getType?.();
  if (type === "fastify") adapter?.getInstance().register(fastifyAdapter(requests));
  else if (type === "express") adapter?.use(expressAdapter(requests, describeRoute) as never);
}

/** Requests that a controller's own pattern of this form has matched. */
const caught = new WeakSet<RequestPart>();
const CATCH_ALL = "*path";

/** With a global prefix Nest answers what it has no route for by a route of Express: to the user it is none. */
function describeRoute(method: string, route: string, part: RequestPart): void {
  if (!route.endsWith(CATCH_ALL) || caught.has(part)) routeOnly(method, route, part);
}

/** Not a guard by trade: guards are the first that know the handler, and run before those that may refuse. */
class HandlerGuard implements CanActivate {
  canActivate(context: ExecutionContext): true {
    const recorder = recorderFor(context);
    if (recorder) {
      guarded("capture.nest", () => {
        const target = context.getClass();
        describeMethod(target, methodName(target, context.getHandler()), recorder);
        const { route } = context.switchToHttp().getRequest();
        if (String(route?.path).endsWith(CATCH_ALL)) caught.add(recorder);
      });
    }
    return true;
  }
}

const methodNames = new WeakMap<Function, PropertyKey>();

/** By where it stands: a decorator that puts another function in the method's place seldom gives it the name. */
function methodName(target: Function, handler: Function): PropertyKey {
  let name = methodNames.get(handler);
  if (name === undefined) {
    name = placeOf(target, handler) ?? handler.name;
    methodNames.set(handler, name);
  }
  return name;
}

function placeOf(target: Function, handler: Function): PropertyKey | undefined {
  for (const { prototype } of lineage(target)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype as object))) {
      if (value === handler) return name;
    }
  }
  return undefined;
}

/** Sees what handlers and pipes throw, before exception filters make an answer of it. */
class ErrorInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const recorder = recorderFor(context);
    return recorder ? next.handle().pipe(tap({ error: (error) => recorder.failed(error) })) : next.handle();
  }
}

function recorderFor(context: ExecutionContext): RequestRecorder | undefined {
  if (context.getType() !== "http") return undefined;
  const request = context.switchToHttp().getRequest();
  // Fastify's request stands before Node's.
  return recorderOf(request.raw ?? request);
}

/** Finds what the application has to be recorded, and lets go of it when it closes. */
class Lifecycle<Options> {
  readonly #runtime: NestRuntime<Options>;
  readonly #owned: boolean;
  readonly #modules: ModulesContainer;
  #undos: Undo[] = [];

  /** @param owned - the module started audit, so it stops it */
  constructor(runtime: NestRuntime<Options>, owned: boolean, modules: ModulesContainer) {
    this.#runtime = runtime;
    this.#owned = owned;
    this.#modules = modules;
  }

  onModuleInit(): void {
    this.#undos = targetsOf(this.#modules).map((target) => this.#runtime.attach(target));
  }

  async onApplicationShutdown(): Promise<void> {
    for (const undo of this.#undos.splice(0)) undo();
    await (this.#owned ? this.#runtime.stop() : this.#runtime.flush());
  }
}

/** Every DataSource of SQL and every Passport strategy that is a provider, under whatever token. */
function targetsOf(modules: ModulesContainer): object[] {
  const found = new Set<object>();
  for (const module of modules.values()) {
    for (const { instance } of module.providers.values()) {
      if (isTarget(instance)) found.add(instance);
    }
  }
  return [...found];
}

/** A provider of each request stands here without ever having been constructed, so a getter of it may throw. */
function isTarget(instance: unknown): instance is object {
  try {
    return isDataSource(instance) || isPassportStrategy(instance);
  } catch {
    return false;
  }
}

function isDataSource(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const { createQueryRunner, options, entityMetadatas } = value as Record<string, unknown>;
  return (
    typeof createQueryRunner === "function" &&
    typeof options === "object" &&
    // Has no rows, and who attaches it is told so.
    (options as { type?: unknown } | null)?.type !== "mongodb" &&
    Array.isArray(entityMetadatas)
  );
}
