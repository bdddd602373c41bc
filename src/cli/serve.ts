/**
 * `activity-audit serve`: the trail as a web page.
 *
 * @module
 */
import type { Command } from "commander";
import pc from "picocolors";
import { AuditError } from "../errors.js";
import { serveViewer } from "../viewer/serve.js";

const USUAL_PORT = 4270;
const MOST = 65_535;

interface ServeOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: string;
  readonly token?: string;
}

export function serveCommand(program: Command): void {
  program
    .command("serve")
    .description("shows the trail as a web page, on this machine only unless --host says otherwise")
    .option("-d, --dir <path>", "directory of the trail's files", "audit_logs")
    .option("--host <address>", "where to listen; other than loopback, a token is asked for", "127.0.0.1")
    .option("--port <number>", "0 takes any that is free", String(USUAL_PORT))
    .option("--token <text>", "the token; default: a new one at each start")
    .action(serve);
}

async function serve({ dir, host, port, token }: ServeOptions): Promise<void> {
  const number = Number(port);
  if (!Number.isInteger(number) || number < 0 || number > MOST) {
    throw new AuditError("AUDIT_FILTER_INVALID", ["port", port, `a number from 0 to ${MOST}`]);
  }
  const { url, close } = await serveViewer({ directory: dir, host, port: number, token });
  process.stdout.write(`${pc.bold(url)}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void close().then(() => process.exit(0)));
  }
}
