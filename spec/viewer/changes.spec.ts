/**
 * The news that a page is told, so that it shows what is written without being asked.
 *
 * @module
 */
import { appendFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { createViewer } from "#dist/viewer/viewer";
import { makeRecords } from "../read/trail.js";
import { rawSocket } from "../support/http-client.js";
import { running } from "../support/http-server.js";
import { until } from "../support/until.js";

describe("the viewer's news", () => {
  it("reach whoever listens, also once the trail was let go of", async () => {
    const directory = await mkdtemp(join(tmpdir(), "viewer-"));
    const log = join(directory, "audit.log");
    const [first, second] = makeRecords(2, 76).map((record) => `${JSON.stringify(record)}\n`);
    writeFileSync(log, first!);
    const viewer = createViewer({ directory, authorize: () => true });
    const { port, close } = await running(createServer(viewer).listen(0, "127.0.0.1"));
    try {
      const heard = ["", ""];
      for (const index of heard.keys()) {
        const socket = await rawSocket(port, "GET /api/changes HTTP/1.1\r\nHost: a\r\n\r\n");
        socket.on("data", (text) => (heard[index] += String(text)));
        await until(() => heard[index]!.includes("retry"));
        if (index === 0) await viewer.close();
      }
      // Opened again: what comes after that is new.
      await fetch(`http://127.0.0.1:${port}/api/density`);
      appendFileSync(log, second!);
      await until(() => heard.every((text) => text.includes("data: changed")));
    } finally {
      await close();
      await viewer.close();
      await rm(directory, { recursive: true });
    }
  });
});
