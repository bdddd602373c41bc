/** How the programs of the kill specs begin, and what they do that are told to `end`. */
import log4js from "log4js";
import { DataSource, type DataSourceOptions } from "typeorm";
import { audit, auditLogging } from "activity-audit";

interface Program {
  readonly directory: string;
  readonly serviceName: string;
  readonly options: DataSourceOptions;
  /** It only hands on what the dead have left, and says which faults it met. */
  readonly ends: boolean;
}

/** An audited database; `null` if all is done. */
export async function begin({ directory, serviceName, options, ends }: Program): Promise<DataSource | null> {
  // What it prints is read: dots, or its faults.
  log4js.configure(auditLogging({ directory, serviceName, console: false }));
  const dataSource = await new DataSource(options).initialize();
  audit.start({ serviceName });
  audit.attach(dataSource, { consistency: "outbox", onOutboxError: "fail" });
  if (!ends) return dataSource;
  await audit.flush({ timeoutMs: 120_000 });
  // A file that is slow, on a machine that is busy, is waited for, which is said: that is none.
  const faults = audit.health().faults.filter(({ kind }) => kind !== "outbox.relay");
  await audit.stop();
  await dataSource.destroy();
  process.stdout.write(JSON.stringify(faults));
  return null;
}
