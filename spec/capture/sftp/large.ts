/**
 * A program that moves a large file there and back, recorded or not, and says how much memory that took, and how much CPU.
 */
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ConnectOptions } from "ssh2-sftp-client";
import type { SftpCallEvent } from "#dist/capture/event";
import { captureSftp } from "#dist/capture/sftp/sftp";
import { collectCalls } from "../../support/events.js";
import { quietClient } from "./recorded.js";

const { RECORDED: recorded, LOGIN: login, SIZE: size, LOCAL: local, REMOTE: remote } = process.env;

/** Each piece differs, so that no order but theirs has their hash. */
function* pieces(): Generator<Buffer> {
  for (let sent = 0, index = 0; sent < Number(size); sent += 65_536, index += 1)
    yield Buffer.alloc(65_536, index % 251);
}

async function run(): Promise<void> {
  const client = quietClient();
  const calls = collectCalls<SftpCallEvent>();
  if (recorded) captureSftp(client, calls.emit, { ...calls.options, silentMs: 60_000 });
  await client.connect(JSON.parse(login!) as ConnectOptions);
  const before = { memory: process.memoryUsage().rss, cpu: process.cpuUsage() };
  await client.put(Readable.from(pieces()), remote!);
  await client.fastGet(remote!, join(local!, "large.bin"));
  await client.end();
  const told = calls.events.map(({ operation, bytes, sha256 }) => [operation, bytes, sha256]);
  const { user, system } = process.cpuUsage(before.cpu);
  const grown = process.resourceUsage().maxRSS * 1024 - before.memory;
  process.stdout.write(JSON.stringify({ grown, cpuSeconds: (user + system) / 1e6, told }));
}

void run();
