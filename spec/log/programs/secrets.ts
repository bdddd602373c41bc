/**
 * Brings every secret of the corpus to log4js in every way: `secrets.js DIRECTORY DURABILITY`. Prints last what
 * `audit.health()` says.
 */
import { audit, auditLogging } from "activity-audit";
import log4js from "log4js";
import { createSink } from "#dist/log/sink";
import { secretsInPlaces, type Secret } from "../../record/corpus.js";

const [directory, durability] = process.argv.slice(2) as [string, "memory" | "os"];

log4js.configure(auditLogging({ directory, serviceName: "spec", durability }));
audit.start({
  serviceName: "spec",
  actor: () => {
    throw new Error("no actor: password=in-a-fault-of-ours");
  },
});
const sink = createSink();

/** As our captures give a record, as an application logs one, and what else applications log. */
function log({ title, place, name, value }: Secret): void {
  const record = place(name, value) as {
    name: string;
    level: string;
    message?: string;
    exception?: string | null;
    extra?: unknown;
    error_message?: string | null;
  };
  const logger = log4js.getLogger(record.name);
  const app = log4js.getLogger("patients");
  // By itself an echo says nothing of what it echoes; the record does.
  const told = title.startsWith("an echo") ? null : record.error_message;
  const texts = [record.message, record.exception, told].filter(Boolean) as string[];
  if (record.name.startsWith("audit.")) {
    sink(record as Parameters<typeof sink>[0]);
    logger.log(record.level, record);
  } else app.log(record.level, record.message);
  app.info("of %s: %j", "the application's", record.extra, { given: record.extra });
  for (const text of texts) app.error(text, new Error(text));
}

for (const secret of secretsInPlaces()) log(secret);
audit.run(
  {
    actor: () => {
      throw new Error("no actor: token=in-a-fault-of-ours");
    },
  },
  () => audit.record({ action: "a.b" }),
);
void audit.flush().then(() => {
  process.stdout.write(`\nhealth: ${JSON.stringify(audit.health())}\n`);
});
