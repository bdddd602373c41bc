/**
 * The same work with and without us: the same results, errors and events, and the same requests at the server.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import type { EventEmitter } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { it } from "node:test";
import type SftpLibrary from "ssh2-sftp-client";
import { captureSftp } from "#dist/capture/sftp/sftp";
import { collectCalls } from "../../support/events.js";
import { quietClient } from "./recorded.js";
import { onEachServer, type Bench } from "./servers.js";
import { until } from "../../support/until.js";

const content = randomBytes(700_000);

/** What the application can see of one step. */
type Seen = unknown[];

/** Each step alone, so that what comes first is the same each time. */
const steps: [string, (client: SftpLibrary, bench: Bench) => unknown][] = [
  ["cwd", (client) => client.cwd()],
  ["put", (client, { path }) => client.put(content, path("/inbox/a.bin"))],
  [
    "put with a mode",
    (client, { path }) =>
      client.put(Buffer.from("x"), path("/inbox/m"), { writeStreamOptions: { mode: 0o600 } } as never),
  ],
  ["put a path", (client, { folder, path }) => client.put(join(folder, "tree/1.txt"), path("/inbox/b.txt"))],
  ["put a stream", (client, { path }) => client.put(Readable.from([content]), path("/inbox/c.bin"))],
  ["put nothing", (client, { path }) => client.put(Buffer.alloc(0), path("/inbox/nothing"))],
  ["put where nothing is", (client, { path }) => client.put(content, path("/nowhere/a.bin"))],
  ["put what is not there", (client, { folder, path }) => client.put(join(folder, "none"), path("/inbox/n"))],
  ["put a number", (client, { path }) => client.put(17 as never, path("/inbox/n"))],
  ["append", (client, { path }) => client.append(Buffer.from("tail"), path("/inbox/a.bin"))],
  ["append a text", (client, { path }) => client.append("text" as never, path("/inbox/a.bin"))],
  ["get", (client, { path }) => client.get(path("/inbox/a.bin"))],
  ["get a path", (client, { folder, path }) => client.get(path("/inbox/a.bin"), join(folder, "got.bin"))],
  ["get into a folder", (client, { folder, path }) => client.get(path("/inbox/a.bin"), folder)],
  ["get what is not there", (client, { path }) => client.get(path("/inbox/none"))],
  [
    "fastPut",
    (client, { folder, path }) =>
      client.fastPut(join(folder, "big.bin"), path("/inbox/f.bin"), { concurrency: 1 }),
  ],
  [
    "fastGet",
    (client, { folder, path }) =>
      client.fastGet(path("/inbox/f.bin"), join(folder, "fast.bin"), { concurrency: 1 }),
  ],
  [
    "fastGet a folder",
    (client, { folder, path }) => client.fastGet(path("/inbox"), join(folder, "fast.bin")),
  ],
  ["exists", (client, { path }) => client.exists(path("/inbox/none"))],
  [
    "list",
    async (client, { path }) =>
      (await client.list(path("/inbox"), ({ name }) => name.endsWith("bin")))
        .map(({ name }) => name)
        .toSorted(),
  ],
  ["stat", async (client, { path }) => (await client.stat(path("/inbox/a.bin"))).size],
  ["stat what is not there", (client, { path }) => client.stat(path("/inbox/none"))],
  ["rename", (client, { path }) => client.rename(path("/inbox/c.bin"), path("/inbox/d.bin"))],
  ["posixRename", (client, { path }) => client.posixRename(path("/inbox/d.bin"), path("/inbox/e.bin"))],
  ["chmod", (client, { path }) => client.chmod(path("/inbox/a.bin"), 0o600)],
  ["rcopy", (client, { path }) => client.rcopy(path("/inbox/f.bin"), path("/inbox/g.bin"))],
  ["rcopy onto another", (client, { path }) => client.rcopy(path("/inbox/f.bin"), path("/inbox/g.bin"))],
  ["mkdir", (client, { path }) => client.mkdir(path("/inbox/x/y/z"), true)],
  ["mkdir in nothing", (client, { path }) => client.mkdir(path("/nowhere/y"))],
  ["uploadDir", (client, { folder, path }) => client.uploadDir(join(folder, "tree"), path("/inbox/tree"))],
  [
    "downloadDir",
    (client, { folder, path }) => client.downloadDir(path("/inbox/tree"), join(folder, "tree-back")),
  ],
  ["a stream down", (client, { path }) => pipeline(client.createReadStream(path("/inbox/f.bin")), nowhere())],
  [
    "a stream up",
    (client, { path }) => pipeline(Readable.from([content]), client.createWriteStream(path("/inbox/h.bin"))),
  ],
  [
    "a stream of nothing",
    (client, { path }) => pipeline(client.createReadStream(path("/inbox/none")), nowhere()),
  ],
  ["delete", (client, { path }) => client.delete(path("/inbox/b.txt"))],
  ["delete again", (client, { path }) => client.delete(path("/inbox/b.txt"))],
  ["delete again, if it is there", (client, { path }) => client.delete(path("/inbox/b.txt"), true)],
  ["rmdir", (client, { path }) => client.rmdir(path("/inbox/x"), true)],
  ["connect twice", (client, { server }) => client.connect(server.login)],
  ["end", (client) => client.end()],
  ["end again", (client) => client.end()],
  ["after the end", (client, { path }) => client.list(path("/inbox"))],
];

const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Everything as it was before the first step. */
function planted({ folder, server }: Bench): void {
  for (const name of ["inbox", "results"]) {
    rmSync(join(server.files, name), { recursive: true, force: true });
    mkdirSync(join(server.files, name));
  }
  for (const name of ["tree", "tree-back"]) rmSync(join(folder, name), { recursive: true, force: true });
  mkdirSync(join(folder, "tree/inner"), { recursive: true });
  writeFileSync(join(folder, "big.bin"), content);
  for (const name of ["1.txt", "2.txt", "inner/3.txt"]) writeFileSync(join(folder, "tree", name), name);
}

/**
 * Requests without their numbers, and without reads and writes: ssh2 reads into
 * one pool of the process, so that the size of its pieces depends on all that was read before. The files that come of
 * them are compared in the other specs.
 */
function comparable(requests: readonly string[]): string[] {
  return requests
    .filter((request) => !/\b(?:read|write)\b/iu.test(request))
    .map((request) => request.replace(/request \d+/u, ""));
}

/** What a step left to be done, such as a file to be closed, is done when no request waits for its answer. */
async function settled(client: SftpLibrary): Promise<void> {
  const waiting = (): object =>
    (client as unknown as { sftp?: Record<string, object> }).sftp?.["_requests"] ?? {};
  await until(() => Object.keys(waiting()).length === 0);
}

/** All that client and server see of the steps. */
async function walk(client: SftpLibrary, bench: Bench): Promise<Seen[]> {
  planted(bench);
  bench.server.requests();
  const seen: Seen[] = [];
  const emitter = (client as unknown as { client: EventEmitter }).client;
  let events: unknown[] = [];
  for (const name of ["ready", "error", "end", "close", "upload", "download"]) {
    emitter.on(name, (value: unknown) => events.push([name, value instanceof Error ? value.message : value]));
  }
  // The library's own order within a folder is that of the disk; one file at a time keeps it.
  await client.connect({ ...bench.server.login, promiseLimit: 1 } as never);
  for (const [name, step] of steps) {
    const outcome = await Promise.resolve()
      .then(() => step(client, bench))
      .then(
        (value) => ["fulfilled", value, value?.constructor?.name],
        ({ message, code, custom }) => ["rejected", message, code, custom],
      );
    await settled(client);
    const listeners = ["error", "end", "close"].map((event) => emitter.listenerCount(event));
    seen.push([name, outcome, events, listeners, comparable(bench.server.requests())]);
    events = [];
  }
  return seen;
}

onEachServer("the work of an application over SFTP", (bench) => {
  it("is the same with and without us, for the application and for the server", async () => {
    const calls = collectCalls();
    const without = await walk(quietClient(), bench);
    const client = quietClient();
    const undo = captureSftp(client, calls.emit, { ...calls.options, silentMs: 60_000 });
    const withUs = await walk(client, bench);
    undo();
    for (const [index, seen] of without.entries()) assert.deepEqual(withUs[index], seen);
    assert.ok(without.flatMap(([, , , , requests]) => requests as string[]).length > 50);
    // And something was recorded of each step: files of directories besides.
    assert.ok(calls.events.length > steps.length);
  });

  it("ends the process where nobody handles an error, as without us", async () => {
    for (const unhandled of ["promise", "stream"]) {
      const without = await leftToItself(bench, { UNHANDLED: unhandled, RECORDED: "" });
      const withUs = await leftToItself(bench, { UNHANDLED: unhandled, RECORDED: "yes" });
      // What a stream's error throws, ssh2 catches and makes an error of the connection, which the library only prints.
      assert.equal(without.status, unhandled === "promise" ? 1 : 0);
      assert.equal(withUs.status, without.status);
      assert.equal(without.lastWords.length, without.status);
      assert.deepEqual(withUs.lastWords, without.lastWords);
      assert.deepEqual([without.told, withUs.told], ["told: 0", "told: 2"]);
    }
  });
});

/** How a program ends that handles nothing. Not waited for by blocking: the server may be of this process. */
async function leftToItself({ server }: Bench, env: Record<string, string>) {
  const program = join(__dirname, "unhandled.js");
  return new Promise<{ status: number; lastWords: string[]; told: string }>((resolve) => {
    const options = { env: { ...process.env, ...env, LOGIN: JSON.stringify(server.login) } };
    execFile(process.execPath, [program], options, (error, stdout, stderr) => {
      const lastWords = stderr.split("\n").filter((line) => line.startsWith("Error: "));
      resolve({ status: Number(error?.code ?? 0), lastWords, told: stdout });
    });
  });
}
