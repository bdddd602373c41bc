/**
 * A witness elsewhere: a store of objects that takes each name once, as an S3-compatible one does on `If-None-Match: *`.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { buffer } from "node:stream/consumers";
import { describe, it } from "node:test";
import log4js from "log4js";
import { auditLogging, type Witnessed } from "activity-audit";
import { faultSummaries, forgetFaults } from "#dist/health";
import { guardedWitness } from "#dist/log/witness";
import { verify } from "#dist/read/verify/verify";
import { flush } from "#dist/writer/writers";
import { inFolder } from "../writer/support.js";
import { until } from "../support/until.js";
import { sealedIn, type SealedLine } from "./truth.js";

interface ObjectStore extends AsyncDisposable {
  readonly url: string;
  readonly objects: ReadonlyMap<string, Buffer>;
  /** Writes the objects as files, as `aws s3 sync` does. */
  syncTo(folder: string): void;
}

async function objectStore(): Promise<ObjectStore> {
  const objects = new Map<string, Buffer>();
  const server = createServer(async (request, response) => {
    const bytes = await buffer(request);
    const isTaken = request.headers["if-none-match"] === "*" && objects.has(request.url!);
    if (!isTaken) objects.set(request.url!, bytes);
    response.writeHead(isTaken ? 412 : 200).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}`,
    objects,
    syncTo(folder) {
      for (const [name, bytes] of objects) {
        const path = join(folder, name);
        mkdirSync(dirname(path), { recursive: true });
        writeFileSync(path, bytes);
      }
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
}

/** What docs/sealing.md does with the client of the store. */
function putOnce(url: string): (checkpoint: Witnessed) => Promise<void> {
  return async (checkpoint) => {
    const { status } = await fetch(`${url}/clinic/${checkpoint.chain}/${checkpoint.seq}.json`, {
      method: "PUT",
      headers: { "if-none-match": "*" },
      body: JSON.stringify(checkpoint),
    });
    if (status !== 200) throw new Error(`the store answered ${status}`);
  };
}

function checkpointsOf(lines: readonly SealedLine[]): SealedLine[] {
  return lines.filter(({ record }) => record.event_type === "CHECKPOINT");
}

describe("a witness that does not answer", () => {
  it("is waited for at the end for ten seconds, and counted then", async (test) => {
    forgetFaults();
    const witness = guardedWitness(() => new Promise(() => {}));
    const first = { chain: "", log: "", hash: "", file: 1, at: 0, reason: "start", signature: null } as const;
    for (const seq of [0, 1]) witness.tell({ ...first, seq });
    test.mock.timers.enable({ apis: ["setTimeout"] });
    const knows = witness.knows();
    test.mock.timers.tick(10_000);
    await knows;
    assert.deepEqual(
      faultSummaries().map(({ kind, last_message }) => [kind, /\d+ checkpoints/u.exec(last_message)?.[0]]),
      [["seal.witness", "2 checkpoints"]],
    );
    forgetFaults();
  });
});

describe("a store of objects as witness", () => {
  it("has each checkpoint once, and by it verify finds an end that was cut off", () =>
    inFolder(async (folder) => {
      await using store = await objectStore();
      const witness = putOnce(store.url);
      const trail = join(folder, "trail");
      log4js.configure(
        auditLogging({
          directory: trail,
          console: false,
          api: { seal: { witness, checkpointEvery: { records: 10 } } },
        }),
      );
      for (let n = 0; n < 55; n += 1) log4js.getLogger("audit.request").api({ n });
      await flush();
      // The thread tells of its checkpoints, and makes the last one due after the lines that it is due for: no more come.
      await until(() => {
        const written = sealedIn(trail);
        const known = checkpointsOf(written);
        return written.length - 1 - known.at(-1)!.seq < 10 && store.objects.size === known.length;
      });
      await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
      const sealed = sealedIn(trail);
      const checkpoints = checkpointsOf(sealed);
      assert.equal(store.objects.size, checkpoints.length);
      const heads = [...store.objects.values()].map((bytes) => JSON.parse(bytes.toString()) as Witnessed);
      assert.deepEqual(
        heads.map(({ chain, seq, hash }) => ({ chain, seq, hash })).toSorted((a, b) => a.seq - b.seq),
        checkpoints.map(({ chain, seq, hash }) => ({ chain, seq, hash })),
      );

      const copy = join(folder, "witness");
      store.syncTo(copy);
      assert.equal((await verify(trail, { witness: [copy] })).status, "intact");

      // Somebody takes the last records away, and with them what the directory knows of them.
      const path = join(trail, "api.log");
      const lines = readFileSync(path, "utf8").split("\n");
      writeFileSync(
        path,
        lines
          .slice(0, 30)
          .map((line) => `${line}\n`)
          .join(""),
      );
      unlinkSync(join(trail, ".activity-audit.seal"));
      assert.equal((await verify(trail)).status, "intact");
      const { status, findings } = await verify(trail, { witness: [copy] });
      assert.equal(status, "tampered");
      assert.deepEqual(
        findings.map(({ kind, line, count }) => ({ kind, line, count })),
        [{ kind: "truncated", line: 30, count: sealed.length - 30 }],
      );
      assert.match(findings[0]!.message, /the witness/u);
    }));
});
