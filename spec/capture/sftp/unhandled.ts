/**
 * A program that leaves an error to itself, recorded or not. Told by its parent: which error, and where the server is.
 */
import type { ConnectOptions } from "ssh2-sftp-client";
import { captureSftp } from "#dist/capture/sftp/sftp";
import { collectCalls } from "../../support/events.js";
import { quietClient } from "./recorded.js";

const { UNHANDLED: unhandled, RECORDED: recorded, LOGIN: login } = process.env;

async function run(): Promise<void> {
  const client = quietClient();
  const calls = collectCalls();
  if (recorded) captureSftp(client, calls.emit, { ...calls.options, silentMs: 60_000 });
  await client.connect(JSON.parse(login!) as ConnectOptions);
  process.on("exit", () => process.stdout.write(`told: ${calls.events.length}`));
  if (unhandled === "promise") void client.stat("/nowhere/at/all");
  else client.createReadStream("/nowhere/at/all");
}

void run();
