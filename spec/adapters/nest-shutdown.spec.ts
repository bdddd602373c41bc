/**
 * A Nest application that a process manager ends: what is under way is answered and recorded, what services tell in
 * their own hooks too, and the signal keeps its meaning.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fetchOnce } from "../support/http-client.js";
import { assertRecords } from "../support/schema.js";

describe("a Nest application that is told to end", () => {
  for (const platform of ["express", "fastify"]) {
    it(`has what was under way and what its services told, on ${platform}`, async () => {
      const directory = mkdtempSync(join(tmpdir(), "nest-shutdown-"));
      const program = join(__dirname, "programs/nest-shutdown.js");
      const child = spawn(process.execPath, [program, directory, platform], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const ended = once(child, "exit");
      try {
        const [port] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
        const answer = fetchOnce(Number(port), { path: "/slow" });
        await once(child.stdout, "data");
        child.kill("SIGTERM");
        assert.equal((await answer).body.toString(), "answered");
        assert.deepEqual(await ended, [null, "SIGTERM"]);
        const requests = assertRecords(readFileSync(join(directory, "api.log"), "utf8"));
        assert.deepEqual(
          requests.map(({ route, handler, outcome, response_repr }) => [
            route,
            handler,
            outcome,
            response_repr.body,
          ]),
          [["/slow", "Slow.slow", "success", "answered"]],
        );
        const told = assertRecords(readFileSync(join(directory, "audit.log"), "utf8"));
        assert.equal(
          told.map(({ action, event_type }) => action ?? event_type).join(" "),
          "AUDIT_STARTED CONFIG worker.destroy worker.destroy worker.before worker.before " +
            "worker.shutdown worker.late worker.shutdown worker.late AUDIT_STOPPED",
        );
      } finally {
        child.kill("SIGKILL");
        rmSync(directory, { recursive: true });
      }
    });
  }
});
