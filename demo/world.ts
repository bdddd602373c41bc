/**
 * Puts the clinic and its partners up, all in this process, on loopback ports that are free.
 *
 * @module
 */
import { audit, auditLogging } from "activity-audit";
import { mkdtemp, rm } from "node:fs/promises";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import log4js from "log4js";
import type { DataSource } from "typeorm";
import { clinicApp } from "./clinic/app.js";
import { openDatabase, seed } from "./clinic/database.js";
import type { SignedIn } from "./clinic/people.js";
import { Insurer, Lab, Pharmacy } from "./clinic/services.js";
import { labServer, type LabServer } from "./outside/lab.js";
import { insurer, nobody, pharmacy, type Partner } from "./outside/partners.js";

export interface World {
  readonly url: string;
  readonly server: Server;
  readonly dataSource: DataSource;
  readonly insurer: Partner;
  readonly pharmacy: Partner;
  readonly lab: LabServer;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Where the audit's files go. */
  readonly directory: string;
  /** Port of the clinic; 0, the default, takes a free one. */
  readonly port?: number;
  /** Shows the log on the console too. Default: no. */
  readonly console?: boolean;
  /** Called with the database when it is open and not yet audited. */
  readonly prepare?: (dataSource: DataSource) => Promise<void>;
}

export async function startWorld(options: WorldOptions): Promise<World> {
  log4js.configure(
    auditLogging({ directory: options.directory, serviceName: "clinic", console: options.console ?? false }),
  );
  audit.start({
    serviceName: "clinic",
    actor: (request) => (request as { user?: SignedIn }).user,
  });

  const dataSource = await openDatabase();
  await options.prepare?.(dataSource);
  audit.attach(dataSource);
  await audit.run({ actor: { id: "setup" }, reason: "first start" }, () => seed(dataSource));

  const labFolder = await mkdtemp(join(tmpdir(), "clinic-lab-"));
  const partners = { insurer: await insurer(), pharmacy: await pharmacy(), lab: await labServer(labFolder) };
  const app = clinicApp(dataSource, {
    insurer: new InsurerWithClaimsDown(partners.insurer.url, await nobody()),
    pharmacy: new Pharmacy(partners.pharmacy.url),
    lab: new Lab(partners.lab.address),
  });
  const server = app.listen(options.port ?? 0, "127.0.0.1");
  await new Promise<void>((resolve) => server.once("listening", resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    dataSource,
    ...partners,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      await Promise.all([partners.insurer.close(), partners.pharmacy.close(), partners.lab.close()]);
      await audit.stop();
      await dataSource.destroy();
      await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
      await rm(labFolder, { recursive: true });
    },
  };
}

/** The insurer's claims go to an address where nobody listens. */
class InsurerWithClaimsDown extends Insurer {
  private readonly claims: Insurer;

  constructor(url: string, claimsUrl: string) {
    super(url);
    this.claims = new Insurer(claimsUrl);
  }

  override claim(claim: object): Promise<unknown> {
    return this.claims.claim(claim);
  }
}
