/**
 * A file larger than what may be held: its bytes are counted and hashed as they pass.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { it } from "node:test";
import { promisify } from "node:util";
import { onEachServer, sha256OfFile, ssh2Server } from "./servers.js";

const size = 200 * 1024 * 1024;

/** One server is enough: whose memory it is about is the client's, and sshd writes a line for each piece. */
onEachServer(
  "a large file over SFTP",
  (bench) => {
    it("is counted and hashed without being held", async () => {
      const env = { RECORDED: "yes", LOGIN: JSON.stringify(bench.server.login), SIZE: String(size) };
      const paths = { LOCAL: bench.folder, REMOTE: bench.path("/inbox/large.bin") };
      const options = { env: { ...process.env, ...env, ...paths } };
      const { stdout } = await promisify(execFile)(process.execPath, [join(__dirname, "large.js")], options);
      const { grown, told } = JSON.parse(stdout) as { grown: number; told: unknown[][] };
      const stored = join(bench.server.files, "inbox/large.bin");
      const hash = sha256OfFile(stored);
      assert.equal(statSync(stored).size, size);
      assert.equal(sha256OfFile(join(bench.folder, "large.bin")), hash);
      assert.deepEqual(told.slice(1, -1), [
        ["put", size, hash],
        ["fastGet", size, hash],
      ]);
      assert.ok(grown < size / 2, `memory grew by ${grown} bytes`);
    });
  },
  [ssh2Server],
);
