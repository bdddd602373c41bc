/**
 * A process whose witness logs each checkpoint into the file that it is a witness of: `witness-logs.js DIRECTORY`.
 */
import log4js from "log4js";
import { auditLogging } from "#dist/log/logging";

const [directory = ""] = process.argv.slice(2);
const witness = ({ reason }: { readonly reason: string }): void =>
  log4js.getLogger().info(`told of ${reason}`);
log4js.configure(auditLogging({ directory, console: false, app: { durability: "os", seal: { witness } } }));
log4js.getLogger().info("a line");
process.exit();
