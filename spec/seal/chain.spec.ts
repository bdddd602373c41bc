import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHmac, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { once } from "node:events";
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { text as bodyOf } from "node:stream/consumers";
import { describe, it } from "node:test";
import log4js from "log4js";
import { LineDigest, HEADROOM } from "#dist/seal/digest";
import { auditLogging } from "#dist/log/logging";
import type { Witnessed } from "#dist/seal/checkpoint";
import { flush } from "#dist/writer/writers";
import { assertRecord } from "../support/schema.js";
import { inFolder, parsed, run, start } from "../writer/support.js";
import { faultsOfChains, linesIn, sealedIn, type SealedLine } from "./truth.js";
import { until } from "../support/until.js";

const KEY = "a key of the specs, 32 bytes long";
const SEAL = JSON.stringify({ key: KEY, checkpointEvery: { records: 500 } });

function checkpoints(lines: readonly SealedLine[]): SealedLine[] {
  return lines.filter(({ record }) => record.event_type === "CHECKPOINT");
}

function reasonsIn(folder: string, log: RegExp): string[] {
  const found = checkpoints(sealedIn(folder)).filter(({ file }) => log.test(file));
  return found.map(({ record }) => record.details.reason as string);
}

describe("a line's hash", () => {
  it("is that of Node's own HMAC, for any length", () => {
    const digest = new LineDigest();
    for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
      const key = randomBytes(32);
      const buffer = Buffer.alloc(HEADROOM + length);
      const line = randomBytes(length);
      line.copy(buffer, HEADROOM);
      const previous = randomBytes(32).toString("hex");
      digest.use(key);
      const hash = digest.of(previous, buffer, HEADROOM, HEADROOM + length);
      assert.equal(hash, createHmac("sha256", key).update(previous).update(line).digest("hex"));
    }
  });
});

describe("a chain", () => {
  for (const durability of ["memory", "os"]) {
    it(`goes on through rotations and from one process to the next (${durability})`, () =>
      inFolder(async (folder) => {
        const env = { SEAL, MAX_BYTES: "300000", DURABILITY: durability };
        await run("writes", [folder, "exit", "2000"], env);
        await run("writes", [folder, "exit", "2000"], env);
        assert.deepEqual(faultsOfChains(folder, KEY), []);
        const lines = sealedIn(folder);
        assert.equal(lines.length, linesIn(folder).length, "every line is sealed");
        assert.equal(lines.filter(({ text }) => parsed(text)?.n !== undefined).length, 4000);
        const reasons = reasonsIn(folder, /^api/u);
        const files = new Set(lines.map(({ file }) => file)).size;
        assert.equal(reasons.filter((reason) => reason === "start").length, 2);
        assert.equal(reasons.filter((reason) => reason === "stop").length, 2);
        assert.ok(reasons.filter((reason) => reason === "file").length >= files - 2, reasons.join());
        for (const line of checkpoints(lines)) assertRecord(line.text);
        const [first, second] = checkpoints(lines)
          .filter(({ record }) => record.details.start)
          .toSorted((a, b) => (a.record.timestamp < b.record.timestamp ? -1 : 1));
        const last = lines
          .filter(({ chain }) => chain === first!.chain)
          .toSorted((a, b) => a.seq - b.seq)
          .at(-1)!;
        const [link] = second!.record.details.links as unknown as Record<string, unknown>[];
        assert.deepEqual(
          { ...link, file: undefined },
          {
            chain: first!.chain,
            log: "api.log",
            seq: last.seq,
            hash: last.hash,
            file: undefined,
            state: "stopped",
          },
        );
      }));
  }

  for (const how of ["SIGTERM", "exception", "empty", "exit-listener", "graceful", "cluster"]) {
    it(`is ended by ${how}`, () =>
      inFolder(async (folder) => {
        await run("writes", [folder, how, "300"], { SEAL });
        assert.deepEqual(faultsOfChains(folder, KEY), []);
        const lines = sealedIn(folder).toSorted((a, b) => a.seq - b.seq);
        assert.equal(lines.at(-1)!.record.details?.reason, "stop");
        assert.equal(new Set(lines.map(({ chain }) => chain)).size, 1);
      }));
  }

  it("is ended once more, and no further, when its witness logs into it", () =>
    inFolder(async (folder) => {
      assert.equal((await run("witness-logs", [folder])).code, 0);
      assert.deepEqual(faultsOfChains(folder), []);
      const lines = sealedIn(folder).toSorted((a, b) => a.seq - b.seq);
      assert.deepEqual(
        lines.map(({ record }) => record.details?.reason ?? record.message),
        ["start", "a line", "told of start", "stop", "told of stop", "stop"],
      );
    }));

  for (const fault of ["before-write", "after-write", "hang"]) {
    for (const [what, env] of [
      ["lines", { RING_BYTES: "65536" }],
      ["requests", { REQUESTS: "1" }],
    ] as const) {
      it(`survives a writer thread of ${what} with the fault ${fault}`, () =>
        inFolder(async (folder) => {
          await run("writes", [folder, "twice", "3000"], { SEAL, FAULT: fault, ...env });
          assert.deepEqual(faultsOfChains(folder, KEY), []);
          assert.equal(sealedIn(folder).filter(({ text }) => parsed(text)?.n !== undefined).length, 6000);
        }));
    }
  }

  it("that was killed is linked to at its last line, however much others wrote before they saw it", () =>
    inFolder(async (folder) => {
      const env = { SEAL, MAX_BYTES: "200000" };
      await run("writes", [folder, "flush", "2000"], env);
      const last = sealedIn(folder)
        .toSorted((a, b) => a.seq - b.seq)
        .at(-1)!;
      for (let n = 0; n < 30; n += 1)
        appendFileSync(join(folder, "api.log"), `${JSON.stringify({ n, of: "another".repeat(20_000) })}\n`);
      await run("writes", [folder, "exit", "10"], env);
      const [first] = checkpoints(sealedIn(folder)).filter(
        ({ chain, record }) => chain !== last.chain && record.details.reason === "start",
      );
      const links = first!.record.details.links as { chain: string; seq: number; hash: string }[];
      assert.deepEqual(
        links.map(({ chain, seq, hash }) => ({ chain, seq, hash })),
        [{ chain: last.chain, seq: last.seq, hash: last.hash }],
      );
    }));

  it("links to those that came last, where there is no register and there are many", () =>
    inFolder(async (folder) => {
      const chains = Array.from({ length: 70 }, (_, n) => n.toString(16).padStart(16, "0"));
      const lines = chains.map((chain) => `${JSON.stringify({ chain, seq: 0, hash: chain.repeat(4) })}\n`);
      writeFileSync(join(folder, "api-20260105T090000.000Z-00000000.log"), lines.slice(0, 35).join(""));
      writeFileSync(join(folder, "api.log"), lines.slice(35).join(""));
      await run("writes", [folder, "exit", "10"], { SEAL });
      const [first] = checkpoints(sealedIn(folder));
      const links = first!.record.details.links as { chain: string }[];
      assert.deepEqual(
        links.map(({ chain }) => chain),
        chains.slice(-64),
      );
    }));

  it("is entered as ended, though a process was killed just when it had made the register's lock", () =>
    inFolder(async (folder) => {
      writeFileSync(join(folder, ".activity-audit.seal.lock"), "");
      await run("writes", [folder, "exit", "10"], { SEAL });
      const register = JSON.parse(readFileSync(join(folder, ".activity-audit.seal"), "utf8"));
      assert.deepEqual(
        register.chains.map(({ chain, state }: { chain: string; state: string }) => ({ chain, state })),
        [{ chain: sealedIn(folder)[0]!.chain, state: "stopped" }],
      );
    }));

  it("is one of each process on a file, and none is broken by kills", () =>
    inFolder(async (folder) => {
      const env = { SEAL, MAX_BYTES: "400000" };
      const children = Array.from({ length: 3 }, () => start("writes", [folder, "storm", "0"], env));
      const register = join(folder, ".activity-audit.seal");
      await until(() => {
        assert.deepEqual(
          children.map(({ exitCode }) => exitCode),
          [null, null, null],
        );
        return existsSync(register) && JSON.parse(readFileSync(register, "utf8")).chains.length >= 3;
      });
      children[0]!.kill("SIGKILL");
      children[1]!.kill("SIGTERM");
      await Promise.all(children.slice(0, 2).map((child) => once(child, "exit")));
      children[2]!.kill("SIGTERM");
      await once(children[2]!, "exit");
      const chains = new Set(sealedIn(folder).map(({ chain }) => chain));
      await run("writes", [folder, "exit", "10"], env);
      assert.deepEqual(faultsOfChains(folder, KEY), []);
      const ends = new Map<string, number>();
      for (const { chain, seq } of sealedIn(folder)) ends.set(chain, Math.max(seq, ends.get(chain) ?? 0));
      const links = checkpoints(sealedIn(folder)).flatMap(
        ({ record }) => record.details.links as { chain: string; seq: number; state: string }[],
      );
      const ended = links.filter(({ chain, seq, state }) => ends.get(chain) === seq && state !== "running");
      assert.deepEqual(
        new Set(ended.map(({ chain }) => chain)),
        chains,
        "all three, each with its last line",
      );
      assert.equal(
        new Set(ended.filter(({ state }) => state === "crashed").map(({ chain }) => chain)).size,
        1,
      );
    }));
});

function closed(): Promise<void> {
  return new Promise((resolve) => log4js.shutdown(() => resolve()));
}

function headsOf(lines: readonly string[]): unknown[] {
  return lines.map((line) => JSON.parse(line)).map(({ chain, seq, hash }) => ({ chain, seq, hash }));
}

describe("in one process", () => {
  it("witnesses are told of each checkpoint, signatures verify, and the register is private", () =>
    inFolder(async (folder) => {
      const { privateKey, publicKey } = generateKeyPairSync("ed25519");
      const told: { seq: number; hash: string; signature: string | null }[] = [];
      const signingKey = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      const witness = (checkpoint: (typeof told)[number]): void => void told.push(checkpoint);
      const seal = { signingKey, witness, checkpointEvery: { records: 10 } };
      log4js.configure(
        auditLogging({ directory: folder, serviceName: "clinic", console: false, api: { seal } }),
      );
      for (let n = 0; n < 100; n += 1) {
        log4js.getLogger("audit.request").api({ n });
        if (n % 10 === 0) await flush();
      }
      await closed();
      assert.deepEqual(faultsOfChains(folder), []);
      const found = checkpoints(sealedIn(folder));
      assert.ok(found.length > 3, `${found.length} checkpoints`);
      // One of the thread's may be on its way when the thread is dismissed; the last one is this thread's own.
      const heads = found.map(({ seq, hash }) => `${seq} ${hash}`);
      assert.deepEqual(
        told.map(({ seq, hash }) => `${seq} ${hash}`).filter((head) => !heads.includes(head)),
        [],
      );
      assert.deepEqual([told[0]!.seq, told.at(-1)!.seq], [found[0]!.seq, found.at(-1)!.seq]);
      assert.ok(told.length >= found.length - 1);
      for (const { text: line, record } of found) {
        assert.equal(record.service_name, "clinic");
        const signed = line.slice(0, line.lastIndexOf(',"signature":'));
        const signature = Buffer.from(record.details.signature as string, "base64");
        assert.ok(verify(null, Buffer.from(signed), publicKey, signature));
      }
      assert.equal(statSync(join(folder, ".activity-audit.seal")).mode & 0o777, 0o600);
    }));

  it("witnesses can be a file or an endpoint, and none of them harms the application", () =>
    inFolder(async (folder) => {
      const bodies: string[] = [];
      const server = createServer((request, response) => {
        void bodyOf(request).then((body) => {
          bodies.push(body);
          response.writeHead(204).end();
        });
      }).listen(0);
      await once(server, "listening");
      const url = `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
      const file = join(folder, "witness.jsonl");
      log4js.configure(
        auditLogging({
          directory: folder,
          console: false,
          audit: { seal: { witness: file } },
          api: { seal: { witness: { url } } },
          login: { seal: { witness: () => Promise.reject(new Error("no")) } },
        }),
      );
      log4js.getLogger("audit.event").audit({ n: 1 });
      log4js.getLogger("audit.request").api({ n: 1 });
      log4js.getLogger("audit.login").login({ n: 1 });
      // The thread's is on its way; when it has arrived, the last one comes after it.
      await until(() => bodies.length === 1);
      await closed();
      server.close();
      const heads = (log: string): unknown[] =>
        checkpoints(sealedIn(folder))
          .filter((line) => line.file === log)
          .map(({ chain, seq, hash }) => ({ chain, seq, hash }));
      assert.deepEqual(headsOf(readFileSync(file, "utf8").trim().split("\n")), heads("audit.log"));
      assert.deepEqual(headsOf(bodies), heads("api.log"));
      assert.equal(heads("login.log").length, 2);
    }));

  it("chains know each other to be alive, also when the clock is set forward, or a machine was suspended", () =>
    inFolder(async (folder) => {
      log4js.configure(auditLogging({ directory: folder, console: false, seal: true }));
      log4js.getLogger("audit.event").audit({ n: 1 });
      const { now } = Date;
      Date.now = () => now() + 3_600_000;
      try {
        log4js.getLogger("audit.login").login({ n: 1 });
      } finally {
        Date.now = now;
      }
      await closed();
      const [first] = checkpoints(sealedIn(folder)).filter(({ file }) => file === "login.log");
      const links = first!.record.details.links as { log: string; state: string }[];
      assert.deepEqual(
        links.map(({ log, state }) => [log, state]),
        [["audit.log", "running"]],
      );
    }));

  it("witnesses are told outside of the request that happens to be under way", () =>
    inFolder(async (folder) => {
      const requests = new AsyncLocalStorage<string>();
      const told: (readonly [string, string, string | undefined])[] = [];
      const witness = ({ log, reason }: Witnessed): void =>
        void told.push([log, reason, requests.getStore()]);
      const seal = { witness, checkpointEvery: { records: 1 } };
      log4js.configure(auditLogging({ directory: folder, console: false, seal }));
      await requests.run("a request", async () => {
        log4js.getLogger("audit.event").audit({ n: 1 });
        log4js.getLogger("audit.request").api({ n: 1 });
        await until(() => new Set(told.map(([log]) => log)).size === 2);
      });
      await closed();
      assert.deepEqual(
        told.filter(([, , request]) => request !== undefined),
        [],
      );
    }));

  it("a line that is no JSON object is put into one, and nothing is written where nothing is logged", () =>
    inFolder(async (folder) => {
      const appender = { type: { configure: require("#dist/log/appender").configure }, seal: true };
      log4js.configure({
        appenders: {
          plain: { ...appender, filename: join(folder, "plain.log"), layout: { type: "messagePassThrough" } },
          none: { ...appender, filename: join(folder, "none.log") },
        },
        categories: {
          default: { appenders: ["plain"], level: "info" },
          none: { appenders: ["none"], level: "info" },
        },
      } as log4js.Configuration);
      const logger = log4js.getLogger();
      for (const line of ["plain words", "{}", '{"a":1}', '"}', "ä\u{1f600}", '{"hash":"x"'])
        logger.info(line);
      await closed();
      assert.deepEqual(faultsOfChains(folder), []);
      const records = sealedIn(folder).filter(({ record }) => record.event_type === undefined);
      assert.deepEqual(
        records.map(({ record: { chain: _c, seq: _s, hash: _h, ...rest } }) => rest),
        [
          { message: "plain words" },
          {},
          { a: 1 },
          { message: '"}' },
          { message: "ä\u{1f600}" },
          { message: '{"hash":"x"' },
        ],
      );
      assert.equal(readFileSync(join(folder, "none.log"), "utf8"), "");
    }));

  it("keys are checked at start", () =>
    inFolder((folder) => {
      writeFileSync(join(folder, "short"), "short\n");
      const seals = [
        { key: "short" },
        { keyFile: join(folder, "short") },
        { keyFile: join(folder, "missing") },
        { key: KEY, keyFile: join(folder, "short") },
        { signingKey: join(folder, "short") },
        {
          signingKey: generateKeyPairSync("ec", { namedCurve: "P-256" })
            .privateKey.export({ type: "pkcs8", format: "pem" })
            .toString(),
        },
      ];
      for (const seal of seals) {
        assert.throws(() => log4js.configure(auditLogging({ directory: folder, console: false, seal })), {
          code: "AUDIT_SEAL_KEY",
        });
      }
      for (const seal of [
        "yes",
        { keys: "x" },
        { checkpointEvery: { records: 0 } },
        { witness: { url: "x" } },
      ]) {
        assert.throws(() => auditLogging({ seal: seal as never }), {
          code: /AUDIT_OPTION_(?:INVALID|UNKNOWN)/u,
        });
      }
      assert.ok(!existsSync(join(folder, "audit_logs")));
    }));
});
