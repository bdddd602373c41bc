/**
 * `activity-audit serve`: the trail as a web page.
 *
 * @module
 */
import { readFileSync } from "node:fs";
import { InvalidArgumentError, type Command } from "commander";
import pc from "picocolors";
import { serveViewer } from "../viewer/serve.js";
import { count } from "./command.js";
import { keyOf } from "./verify.js";

const USUAL_PORT = 4270;
const MOST = 65_535;

interface ServeOptions {
  readonly dir: string;
  readonly host: string;
  readonly port: number;
  readonly token?: string;
  readonly keyFile?: string;
  readonly publicKey?: string;
}

export function serveCommand(program: Command): void {
  program
    .command("serve")
    .description("shows the trail as a web page, on this machine only unless --host says otherwise")
    .option("-d, --dir <path>", "directory of the trail's files", "audit_logs")
    .option("--host <address>", "where to listen; other than loopback, a token is asked for", "127.0.0.1")
    .option("--port <number>", "0 takes any that is free", portNumber, USUAL_PORT)
    .option("--token <text>", "the token; default: a new one at each start")
    .option("--key-file <path>", "to verify a sealed trail: the key; default: the variable AUDIT_SEAL_KEY")
    .option("--public-key <path>", "PEM, to verify the checkpoints' signatures")
    .action(serve);
}

async function serve({ dir, host, port, token, keyFile, publicKey }: ServeOptions): Promise<void> {
  const verify = {
    key: keyOf({ keyFile }),
    publicKey: publicKey === undefined ? undefined : readFileSync(publicKey, "utf8"),
  };
  const { url, close } = await serveViewer({ directory: dir, host, port, token, verify });
  process.stdout.write(`${pc.bold(url)}\n`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void close().then(() => process.exit(0)));
  }
}

function portNumber(text: string): number {
  const number = count(text);
  if (number > MOST) throw new InvalidArgumentError(`Expected a number from 0 to ${MOST}.`);
  return number;
}
