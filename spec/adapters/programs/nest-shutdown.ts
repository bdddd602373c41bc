/**
 * A Nest application that is told to end while it answers: `nest-shutdown.js DIRECTORY PLATFORM`. Prints its port, and
 * a word when the request has come.
 */
import "reflect-metadata";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { Controller, Get, Inject, Injectable, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { FastifyAdapter } from "@nestjs/platform-fastify";
import { auditLogging } from "activity-audit";
import { AuditModule, AuditService } from "activity-audit/nest";
import log4js from "log4js";

const [directory, platform] = process.argv.slice(2) as [string, "express" | "fastify"];

@Controller()
class Slow {
  @Get("slow")
  async slow(): Promise<string> {
    process.stdout.write("came\n");
    await sleep(300);
    return "answered";
  }
}

/** Services have something to tell at their end, too. */
@Injectable()
class Worker {
  constructor(@Inject(AuditService) private readonly audit: AuditService) {}

  onModuleDestroy(): void {
    this.audit.record({ action: "worker.destroy" });
  }
  async beforeApplicationShutdown(): Promise<void> {
    await sleep(20);
    this.audit.record({ action: "worker.before" });
  }
  async onApplicationShutdown(): Promise<void> {
    this.audit.record({ action: "worker.shutdown" });
    await sleep(20);
    this.audit.record({ action: "worker.late" });
  }
}

@Module({ providers: [Worker] })
class FeatureModule {}

@Module({ imports: [FeatureModule], controllers: [Slow] })
class WardModule {}

/** Of modules on one level Nest ends some before the others: this has workers beside us, above and below. */
@Module({
  imports: [AuditModule.forRoot({ serviceName: "spec" }), WardModule, FeatureModule],
  providers: [Worker],
})
class AppModule {}

async function main(): Promise<void> {
  log4js.configure(auditLogging({ directory, console: false, durability: "memory" }));
  const options = { logger: false } as const;
  const app =
    platform === "express"
      ? await NestFactory.create(AppModule, options)
      : await NestFactory.create(AppModule, new FastifyAdapter(), options);
  app.enableShutdownHooks();
  await app.listen(0, "127.0.0.1");
  process.stdout.write(`${(app.getHttpServer().address() as AddressInfo).port}\n`);
}

void main();
