/**
 * Many large uploads at once: what the capture keeps of them is bounded by its limit, not by their size. The peak of
 * the server's own process, with and without us; 200 uploads of 10 MB, so that it ends in seconds on a small machine.
 */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { describe, it } from "node:test";
import { received } from "../../support/http-client.js";

const uploads = Number(process.env["AUDIT_UPLOADS"] ?? 200);
const size = 10_000_000;
const bodyLimit = 65_536;

interface Seen {
  readonly peakBytes: number;
  readonly records: number;
  readonly recorded: number;
  readonly received: number;
}

describe("memory of concurrent uploads", { timeout: 300_000 }, () => {
  it(`stays below what is kept of ${uploads} uploads of 10 MB`, async () => {
    const bare = await uploadAll("bare");
    const audited = await uploadAll("audited");
    assert.deepEqual(
      [bare.received, audited.received, audited.recorded, audited.records],
      [uploads * size, uploads * size, uploads * size, uploads],
    );
    const added = audited.peakBytes - bare.peakBytes;
    const bound = uploads * bodyLimit * 2 + 64_000_000;
    console.log(
      `peak RSS ${megabytes(bare.peakBytes)} MB bare, ${megabytes(audited.peakBytes)} MB audited, bound +${megabytes(bound)} MB`,
    );
    assert.ok(added < bound, `${megabytes(added)} MB added by ${uploads} uploads`);
  });
});

async function uploadAll(mode: "bare" | "audited"): Promise<Seen> {
  const server = fork(join(__dirname, "programs/uploads.js"), [mode]);
  const [{ port }] = (await once(server, "message")) as [{ port: number }];
  const sockets = await Promise.all(
    Array.from({ length: uploads }, async () => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      socket.write(
        `POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`,
      );
      return socket;
    }),
  );
  // Nobody ends before all are in the middle of theirs.
  await Promise.all(sockets.map((socket) => send(socket, size / 2)));
  await Promise.all(
    sockets.map(async (socket) => {
      const answer = received(socket);
      await send(socket, size / 2);
      assert.match(await answer, /stored$/);
    }),
  );
  server.send("done");
  const [seen] = (await once(server, "message")) as [Seen];
  return seen;
}

const chunk = Buffer.alloc(100_000, "x");

async function send(socket: Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= chunk.length) {
    if (!socket.write(chunk)) await once(socket, "drain");
  }
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_000_000);
}
