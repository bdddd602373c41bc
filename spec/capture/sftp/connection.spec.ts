/**
 * Connections: who let whom in, by which key; lost ones and silent ones, of which something is always told.
 */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Readable, Writable } from "node:stream";
import { it } from "node:test";
import { setTimeout } from "node:timers/promises";
import type SftpLibrary from "ssh2-sftp-client";
import type { ConnectOptions } from "ssh2-sftp-client";
import type { SftpCallEvent } from "#dist/capture/event";
import { captureSftp } from "#dist/capture/sftp/sftp";
import { collectCalls } from "../../support/events.js";
import { tcpProxy } from "../../support/tcp-proxy.js";
import { quietClient, rejection } from "./recorded.js";
import { onEachServer } from "./servers.js";
import { until } from "../../support/until.js";

/** A client that is recorded, not yet connected. */
function fresh(silentMs = 60_000): { client: SftpLibrary; events: SftpCallEvent[]; undo: () => void } {
  const calls = collectCalls<SftpCallEvent>();
  const client = quietClient();
  const undo = captureSftp(client, calls.emit, { ...calls.options, silentMs });
  return { client, events: calls.events, undo };
}

const outline = ({ operation, outcome }: SftpCallEvent) => `${operation} ${outcome}`;
const isPending = async (promise: Promise<unknown>): Promise<boolean> =>
  (await Promise.race([promise.then(Boolean, Boolean), setTimeout(50, "pending")])) === "pending";
/** Never asks for more, and never gives anything. */
const stuck = (): Writable => new Writable({ highWaterMark: 1, write: () => {} });

onEachServer("an SFTP connection", (bench) => {
  it("is told with host and host key, as ssh-keygen prints it, and without any secret", async () => {
    const { client, events } = fresh();
    await client.connect(bench.server.login);
    await rejection(client.connect({ ...bench.server.login, host: "elsewhere.example" }));
    await client.exists(bench.path("/inbox"));
    await client.end();
    assert.deepEqual(events.map(outline), [
      "connect success",
      "connect failure",
      "exists success",
      "end success",
    ]);
    for (const { host, details } of events) {
      assert.deepEqual([host, details["host_key"]], ["127.0.0.1", bench.server.hostKey]);
    }
    const written = JSON.stringify(events);
    for (const secret of bench.server.secrets) assert.ok(!written.includes(secret));
  });

  it("leaves it to the application's verifier which key is accepted, and gives it what it would get", async () => {
    const given: unknown[][] = [];
    const answers: Record<string, ConnectOptions["hostVerifier"]> = {
      "says yes": (...args: unknown[]) => given.push(args) > 0,
      "says yes later": ((key: unknown, verify: (permitted: boolean) => void) => {
        given.push([key, verify]);
        setImmediate(() => verify(true));
      }) as never,
    };
    for (const [name, hostVerifier] of Object.entries(answers)) {
      for (const hostHash of [undefined, "md5", "no-such-hash"]) {
        const options = Object.freeze({ ...bench.server.login, hostVerifier, ...(hostHash && { hostHash }) });
        const plain = quietClient();
        await plain.connect(options as ConnectOptions);
        await plain.end();
        const { client, events } = fresh();
        await client.connect(options as ConnectOptions);
        await client.end();
        const [without, withUs] = given.splice(0).map(([key]) => key);
        assert.deepEqual(withUs, without, `${name}, ${hostHash}`);
        assert.equal(events[0]!.details["host_key"], bench.server.hostKey);
      }
    }
    const raw = quietClient();
    let key: Buffer | undefined;
    await raw.connect({
      ...bench.server.login,
      hostVerifier: (sent: Buffer) => ((key = sent), true),
    } as never);
    await raw.end();
    const print = createHash("sha256").update(key!).digest("base64").replace(/=+$/, "");
    assert.equal(`SHA256:${print}`, bench.server.hostKey);
  });

  it("is refused by the application's verifier as without us", async () => {
    for (const hostVerifier of [() => false, (_: unknown, verify: (ok: boolean) => void) => verify(false)]) {
      const options = { ...bench.server.login, hostVerifier } as never;
      const without = await rejection(quietClient().connect(options));
      const { client, events } = fresh();
      const error = await rejection(client.connect(options));
      assert.deepEqual([error.message, error.code], [without.message, without.code]);
      assert.deepEqual(events.map(outline), ["connect failure"]);
      assert.equal(events[0]!.error, error);
      assert.equal(events[0]!.details["host_key"], bench.server.hostKey);
    }
  });

  it("takes options of any shape: of a class with private fields, with secrets that are read when asked", async () => {
    const login = bench.server.login as Record<string, unknown>;
    class Options {
      readonly #secret = login;
      get host() {
        return this.#secret["host"];
      }
      get port() {
        return this.#secret["port"];
      }
      get username() {
        return this.#secret["username"];
      }
      get password() {
        return this.#secret["password"];
      }
      get privateKey() {
        return this.#secret["privateKey"];
      }
    }
    const { client, events } = fresh();
    await client.connect(new Options() as ConnectOptions);
    await client.end();
    assert.deepEqual(events.map(outline), ["connect success", "end success"]);
    for (const wrong of [undefined, null, "options"]) await rejection(client.connect(wrong as never));
  });

  it("is told as denied when nobody is let in, and as failed when nobody is there", async () => {
    const { client, events } = fresh();
    const error = await rejection(client.connect(bench.server.refusedLogin));
    assert.deepEqual(events.map(outline), ["connect denied"]);
    assert.equal(events[0]!.error, error);
    for (const secret of bench.server.secrets)
      assert.ok(!JSON.stringify([events, error.message]).includes(secret));

    const other = fresh();
    await rejection(other.client.connect({ ...bench.server.login, port: 1 }));
    assert.deepEqual(
      other.events.map((event) => [outline(event), event.errorCode]),
      [["connect failure", "ECONNREFUSED"]],
    );
  });

  it("tells of what was under way when it was lost that nobody knows its end", async () => {
    const { client, events } = fresh();
    await client.connect(bench.server.login);
    await client.put(Buffer.alloc(1_000_000), bench.path("/results/lost.bin"));
    const done = events.length;
    const source = new Readable({ read: () => {} });
    source.push(Buffer.alloc(1000));
    const under = [
      client.put(source, bench.path("/inbox/slow.txt")),
      client.get(bench.path("/results/lost.bin"), stuck()),
    ];
    for (const one of under) one.catch(() => {});
    await until(() => bench.server.requests().some((name) => /write/i.test(name)));
    bench.server.cut();
    await until(() => events.length === done + 2);
    for (const { operation, outcome, sha256, error } of events.slice(done)) {
      assert.deepEqual([outcome, sha256], ["unknown", null], operation);
      assert.ok(error instanceof Error);
    }
    assert.equal(events.at(-1)!.details["host_key"], bench.server.hostKey);
    // It can be connected again, and is recorded as before.
    await client.end();
    await client.connect(bench.server.login);
    assert.equal(await client.exists(bench.path("/results/lost.bin")), "-");
    await client.end();
    assert.deepEqual(events.slice(-3).map(outline), ["connect success", "exists success", "end success"]);
  });

  it("tells of what nobody answers any more, and leaves the application's promise alone", async () => {
    const network = await tcpProxy(bench.server.login.port!);
    const { client, events, undo } = fresh(2000);
    await client.connect({ ...bench.server.login, port: network.port });
    // Whatever its outcome: on a busy machine the handshake takes longer than is waited for.
    assert.deepEqual(
      events.splice(0).map(({ operation }) => operation),
      ["connect"],
    );
    // As long as it is the application's turn, nothing is given up.
    const source = new Readable({ read: () => {} });
    source.push(Buffer.alloc(1000));
    const upload = client.put(source, bench.path("/inbox/waiting.txt"));
    await until(() => bench.server.requests().some((name) => /write/i.test(name)));
    await setTimeout(3500);
    assert.equal(events.length, 0);
    network.silence();
    const question = client.exists(bench.path("/inbox"));
    await until(() => events.length === 2);
    assert.deepEqual(events.map(outline).toSorted(), ["exists unknown", "put unknown"]);
    assert.match(String(events[0]!.error), /gave no answer for 2 s/);
    assert.equal(await isPending(question), true);
    assert.equal(await isPending(upload), true);
    network.resume();
    source.push(null);
    assert.equal(await question, "d");
    await upload;
    assert.equal((await bench.stored("/inbox/waiting.txt")).length, 1000);
    await client.end();
    // What was told stands: one event a call.
    assert.equal(events.length, 3);
    undo();
    await network.close();
  });

  it("takes nobody for silent to whom the application was too busy to listen", async () => {
    const { client, events } = fresh(1000);
    await client.connect(bench.server.login);
    events.length = 0;
    const question = client.exists(bench.path("/inbox"));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2500);
    assert.equal(await question, "d");
    assert.deepEqual(events.map(outline), ["exists success"]);
    await client.end();
  });

  it("tells of a connection that is never made, or never closed", async () => {
    const network = await tcpProxy(bench.server.login.port!);
    const { client, events, undo } = fresh(1000);
    await client.connect({ ...bench.server.login, port: network.port });
    network.silence();
    const end = client.end();
    const other = fresh(1000);
    const connect = other.client.connect({ ...bench.server.login, port: network.port, readyTimeout: 0 });
    connect.catch(() => {});
    await until(() => events.length === 2 && other.events.length === 1);
    assert.deepEqual([outline(events[1]!), outline(other.events[0]!)], ["end unknown", "connect unknown"]);
    assert.equal(await isPending(end), true);
    assert.equal(await isPending(connect), true);
    undo();
    other.undo();
    await network.close();
  });

  it("tells of what is under way when the recording stops", async () => {
    const { client, events, undo } = fresh();
    await client.connect(bench.server.login);
    const upload = client.put(new Readable({ read: () => {} }), bench.path("/inbox/never.txt"));
    upload.catch(() => {});
    undo();
    assert.deepEqual(events.map(outline), ["connect success", "put unknown"]);
    await client.end();
  });
});
