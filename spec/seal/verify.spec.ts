import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { describe, it } from "node:test";
import { readWitness } from "#dist/read/verify/claims";
import { ChainKeys } from "#dist/read/verify/keys";
import { assemble } from "#dist/read/verify/trail";
import { verify } from "#dist/read/verify/verify";
import { until } from "../support/until.js";
import { inFolder, run } from "../writer/support.js";
import { read } from "./altered.js";

const KEY = "a key of the specs, 32 bytes long";
const key = Buffer.from(KEY);

async function write(
  folder: string,
  count: number,
  seal: unknown,
  more: Record<string, string> = {},
): Promise<void> {
  await run("writes", [folder, "exit", String(count)], { SEAL: JSON.stringify(seal), ...more });
}

function cli(...args: string[]): { code: number | null; out: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["dist/cli/main.js", "verify", ...args], {
    encoding: "utf8",
    // In CI picocolors colours also what goes into a pipe.
    env: { ...process.env, NO_COLOR: "1", AUDIT_SEAL_KEY: undefined },
  });
  return { code: status, out: stdout + stderr };
}

/** What somebody does who knows the format, and not the key: from a line on, all is hashed anew. */
function sealAnew(path: string, from: number, change: (text: string) => string): void {
  const lines = readFileSync(path, "utf8").split("\n");
  let previous = "";
  lines.forEach((text, index) => {
    const line = read(text);
    if (!line) return;
    if (index >= from) {
      const hashOf = (body: string): string =>
        createHash("sha256")
          .update(previous + body)
          .digest("hex");
      const body = (index === from ? change(text) : text).replace(
        /"head":\{"seq":(\d+),"hash":"[0-9a-f]{64}"/u,
        (_found, seq: string) => `"head":{"seq":${seq},"hash":"${previous}"`,
      );
      const head = body.slice(0, body.lastIndexOf(',"hash":'));
      lines[index] = `${head},"hash":"${hashOf(head)}"}`;
    }
    previous = lines[index]!.slice(-66, -2);
  });
  writeFileSync(path, lines.join("\n"));
}

describe("verify", () => {
  it("is not fooled by a trail that was sealed anew without its key", () =>
    inFolder(async (folder) => {
      await write(folder, 50, { key: KEY });
      sealAnew(join(folder, "api.log"), 20, (text) => text.replace(/"n":\d+/u, '"n":9999'));
      const { status, findings } = await verify(folder, { key });
      assert.equal(status, "tampered");
      assert.deepEqual([findings[0]?.kind, findings[0]?.line], ["edited", 21]);
    }));

  it("without a key, sees a trail that was sealed anew by what others have seen of it: register, chain, witness", () =>
    inFolder(async (folder) => {
      const witness = join(folder, "..", `witness-${process.pid}.jsonl`);
      await write(folder, 50, { witness });
      try {
        sealAnew(join(folder, "api.log"), 20, (text) => text.replace(/"n":\d+/u, '"n":9999'));
        const register = await verify(folder);
        assert.deepEqual([register.status, register.findings[0]?.kind], ["tampered", "forged-checkpoint"]);
        unlinkSync(join(folder, ".activity-audit.seal"));
        // This is what a chain alone cannot show, and what the README says that it cannot.
        assert.equal((await verify(folder)).status, "intact");
        const witnessed = await verify(folder, { witness: [witness] });
        assert.deepEqual([witnessed.status, witnessed.findings[0]?.kind], ["tampered", "forged-checkpoint"]);
        assert.match(witnessed.findings[0]!.message, /the witness/u);
      } finally {
        rmSync(witness);
      }
    }));

  it("sees by the next chain what was done to the one before", () =>
    inFolder(async (folder) => {
      await write(folder, 50, true);
      await write(folder, 50, true);
      unlinkSync(join(folder, ".activity-audit.seal"));
      const path = join(folder, "api.log");
      const lines = readFileSync(path, "utf8").split("\n");
      const second = lines.findIndex((text, index) => index > 0 && read(text)?.seq === 0);
      writeFileSync(path, [...lines.slice(0, second - 3), ...lines.slice(second)].join("\n"));
      const { findings } = await verify(folder);
      assert.deepEqual(
        [findings[0]?.kind, findings[0]?.line, findings[0]?.count],
        ["truncated", second - 3, 3],
      );
    }));

  it("checks signatures, with nothing but the public key", () =>
    inFolder(async (folder) => {
      const keys = generateKeyPairSync("ed25519");
      const pem = (which: "publicKey" | "privateKey", type: "spki" | "pkcs8"): string =>
        keys[which].export({ type, format: "pem" } as never).toString();
      await write(folder, 50, { signingKey: pem("privateKey", "pkcs8"), checkpointEvery: { records: 10 } });
      const publicKey = pem("publicKey", "spki");
      assert.equal((await verify(folder, { publicKey })).status, "intact");
      const other = generateKeyPairSync("ed25519")
        .publicKey.export({ type: "spki", format: "pem" })
        .toString();
      assert.equal((await verify(folder, { publicKey: other })).findings[0]?.kind, "forged-checkpoint");
      sealAnew(join(folder, "api.log"), 20, (text) => text.replace(/"n":\d+/u, '"n":9999'));
      unlinkSync(join(folder, ".activity-audit.seal"));
      const { findings } = await verify(folder, { publicKey });
      assert.deepEqual(
        [findings[0]?.kind, findings[0]?.message],
        ["forged-checkpoint", "its signature is not that of the key"],
      );
    }));

  it("takes backups that were deleted by `keep` for deleted on purpose, and others for missing", () =>
    inFolder(async (folder) => {
      const env = { MAX_BYTES: "30000" };
      await write(folder, 300, { key: KEY }, env);
      const backups = readdirSync(folder).filter((name) => name.startsWith("api-"));
      assert.ok(backups.length > 4);
      await run("writes", [folder, "keeps", "10"], { ...env, SEAL: JSON.stringify({ key: KEY }), KEEP: "2" });
      assert.equal(readdirSync(folder).filter((name) => name.startsWith("api-")).length, 2);
      const kept = await verify(folder, { key });
      assert.deepEqual({ status: kept.status, findings: kept.findings }, { status: "intact", findings: [] });
      unlinkSync(
        join(
          folder,
          readdirSync(folder)
            .filter((name) => name.startsWith("api-"))
            .at(0)!,
        ),
      );
      assert.equal((await verify(folder, { key })).findings[0]?.kind, "missing-file");
    }));

  it("leaves out what was last written before `since`", () =>
    inFolder(async (folder) => {
      await write(folder, 300, { key: KEY }, { MAX_BYTES: "60000" });
      const [oldest, next] = readdirSync(folder).filter((name) => name.startsWith("api-"));
      unlinkSync(join(folder, oldest!));
      utimesSync(join(folder, next!), 1000, 1000);
      writeFileSync(join(folder, next!), readFileSync(join(folder, next!), "utf8").replace('"n":', '"m":'));
      utimesSync(join(folder, next!), 1000, 1000);
      assert.equal((await verify(folder, { key })).status, "tampered");
      const { status, findings } = await verify(folder, { key, since: new Date(86_400_000) });
      assert.deepEqual({ status, findings }, { status: "intact", findings: [] });
    }));

  it("takes `--since` on the command line as all commands do: UTC, or so long ago", () =>
    inFolder(async (folder) => {
      await write(folder, 300, { key: KEY }, { MAX_BYTES: "60000" });
      const name = readdirSync(folder).find((one) => one.startsWith("api-"))!;
      writeFileSync(join(folder, name), readFileSync(join(folder, name), "utf8").replace('"n":', '"m":'));
      const at = Date.UTC(2026, 0, 5, 10) / 1000;
      utimesSync(join(folder, name), at, at);
      const zone = process.env["TZ"];
      try {
        process.env["TZ"] = "America/New_York";
        const codes = ["2026-01-05 09:12", "2026-01-05 10:01", "1d"].map(
          (since) => cli(folder, "--key", KEY, "--since", since).code,
        );
        assert.deepEqual(codes, [1, 0, 0]);
      } finally {
        if (zone === undefined) delete process.env["TZ"];
        else process.env["TZ"] = zone;
      }
    }));

  it("answers on the command line, with an exit code for each answer", () =>
    inFolder(async (folder) => {
      await write(folder, 20, { key: KEY }, { MAX_BYTES: "9000" });
      const file = join(folder, "..", `key-${process.pid}`);
      writeFileSync(file, `${KEY}\n`);
      try {
        assert.deepEqual(cli(folder, "--key-file", file).code, 0);
        assert.match(cli(folder).out, /none was given\)?\n[^]*incomplete/u);
        assert.equal(cli(folder).code, 3);
        assert.equal(cli(folder, "--key", "another key of 16 bytes").code, 3);
        assert.equal(cli(join(folder, "nowhere")).code, 2);
        assert.equal(cli(folder, "--since", "yesterday").code, 2);
        const [backup] = readdirSync(folder).filter((name) => name.startsWith("api-"));
        // Of one file of many nobody can say that it is all.
        assert.equal(cli(join(folder, "api.log"), "--key-file", file).code, 3);
        assert.equal(cli(join(folder, backup!), "--key-file", file).code, 0);
        writeFileSync(join(folder, "other.log"), '{"n":1}\n');
        assert.match(cli(folder, "--key-file", file).out, /other\.log is not sealed/u);
        assert.equal(cli(folder, "--key-file", file).code, 3);
        appendFileSync(join(folder, "api.log"), '{"n":1}\n');
        const { code, out } = cli(folder, "--key-file", file, "--json");
        assert.equal(code, 1);
        const { status, findings } = JSON.parse(out) as Awaited<ReturnType<typeof verify>>;
        assert.deepEqual([status, findings.length, findings[0]?.kind], ["tampered", 1, "inserted"]);
        const { offset, line } = findings[0]!;
        const text = readFileSync(join(folder, "api.log"), "utf8");
        assert.equal(text.slice(offset), '{"n":1}\n');
        assert.equal(text.split("\n")[line! - 1], '{"n":1}');
        assert.match(cli(folder, "--key-file", file).out, /inserted .*api\.log:\d+ \(byte \d+\)/u);
      } finally {
        rmSync(file);
      }
    }));

  it("has no false alarm where files are written while others are read, however long that takes", () =>
    inFolder(async (folder) => {
      const program = `
        const log4js = require("log4js");
        const { auditLogging } = require(${JSON.stringify(resolve("dist/log/logging.js"))});
        const seal = { checkpointEvery: { records: 20, seconds: 1 } };
        log4js.configure(auditLogging({ directory: process.argv[1], console: false, durability: "os", seal }));
        const [api, audit] = ["audit.request", "audit.crud"].map((name) => log4js.getLogger(name));
        let number = 0;
        setInterval(() => {
          api.api({ record_id: "a" + number, schema: 1 });
          audit.audit({ record_id: "b" + number++, schema: 1 });
        }, 5);`;
      const writer = spawn(process.execPath, ["-e", program, folder], { stdio: "ignore" });
      try {
        const told = (name: string) => {
          const path = join(folder, name);
          return existsSync(path) ? readFileSync(path, "utf8").split('"links":[{').length - 1 : 0;
        };
        await until(() => told("api.log") > 5 && told("audit.log") > 5);
        let last = -1;
        const { status, findings } = await verify(folder, {
          // A slow disk: what others write meanwhile is told of in the file that is read next.
          onProgress: (bytes) => {
            if (bytes !== last) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1300);
            last = bytes;
          },
        });
        assert.deepEqual([status, findings], ["intact", []]);
      } finally {
        writer.kill("SIGKILL");
        await once(writer, "close");
      }
    }));

  it("is not held up by numbers that a forged line bears", { timeout: 60_000 }, () =>
    inFolder(async (folder) => {
      await write(folder, 50, { key: KEY });
      const path = join(folder, "api.log");
      const lines = readFileSync(path, "utf8").split("\n").filter(Boolean);
      const most = String(Number.MAX_SAFE_INTEGER - 1);
      const forged = lines[0]!
        .replace(/"seq":0,"hash"/u, `"seq":${most},"hash"`)
        .replace(/"epoch":0/u, `"epoch":${most}`);
      assert.notEqual(forged, lines[0]);
      const after = forged.replace(/"seq":\d+,"hash"/u, `"seq":${most.replace(/\d$/u, "9")},"hash"`);
      appendFileSync(path, `{"n":1}\n${forged}\n${after}\n`);
      for (const keys of [{ key }, {}]) {
        const { status, findings } = await verify(folder, keys);
        assert.equal(status, "tampered");
        assert.equal(findings[0]!.line, lines.length + 1);
      }
    }),
  );

  it("names lines that do not fit, and holds a trail against a witness, however many they are", async () => {
    const [many, file] = [130_000, "api.log"];
    const first = { file, line: 1, offset: 0 };
    const [chain, hash] = ["a".repeat(16), "0".repeat(64)];
    const unchecked = { bytes: Buffer.alloc(0), hash, keyId: null, epoch: 0 };
    const begin = { chain, from: 0, to: 0, head: hash, first, last: first, opening: true, unchecked };
    const odd = Array.from({ length: many }, (_, index) => {
      const line = index + 2;
      return { ...first, line, chain, seq: index + 1, hashes: [], why: "hash" as const, isCheckpoint: false };
    });
    const scan = {
      path: file,
      log: file,
      lines: many + 1,
      sealed: many + 1,
      halfLines: 0,
      runs: [{ ...begin, fileNumber: 1, unverifiable: true }],
      odd,
      checkpoints: [],
      retired: [],
      glued: [],
    };
    await inFolder(async (folder) => {
      const witness = join(folder, "witness.jsonl");
      writeFileSync(witness, `${JSON.stringify({ chain, log: file, seq: 0, hash, file: 1 })}\n`.repeat(many));
      const claims = await readWitness(witness);
      assert.equal(claims.length, many);
      const { findings } = assemble([scan], claims, new ChainKeys(undefined), { whole: true, since: false });
      assert.deepEqual(
        findings.map(({ line }) => line),
        odd.map(({ line }) => line),
      );
    });
  });

  it("goes on where a file was not sealed at first", () =>
    inFolder(async (folder) => {
      await run("writes", [folder, "exit", "20"]);
      await write(folder, 20, { key: KEY });
      const { status, findings, gaps, sealed } = await verify(folder, { key });
      assert.deepEqual({ status, findings, sealed }, { status: "incomplete", findings: [], sealed: 22 });
      assert.match(gaps.join(), /api\.log was not sealed at first/u);
    }));
});
