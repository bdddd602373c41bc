/**
 * Logging in by password to a real OpenSSH server: the whole records of it, and the password in none of our files.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import log4js from "log4js";
import { audit, auditLogging, SftpClient } from "activity-audit";
import { assertRecords } from "../../support/schema.js";
import { openSshByPassword, withoutPasswords, type OpenSshByPassword } from "../../support/sshd-passwords.js";
import { quietClient, rejection } from "./recorded.js";
import { sha256 } from "./servers.js";

const password = "Grün & $ecret'7f3a";
const wrongPassword = "not-the-Pa55word";

class Lab extends SftpClient {
  constructor() {
    super("lab");
  }
}

describe("login by password to OpenSSH", { skip: withoutPasswords }, () => {
  let folder: string;
  let inbox: string;
  let logs: string;
  let server: OpenSshByPassword;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "sftp-password-"));
    // The user is not the one who runs the specs, and must get to the inbox.
    chmodSync(folder, 0o755);
    inbox = join(folder, "inbox");
    mkdirSync(inbox);
    server = await openSshByPassword(join(folder, "ssh"), [inbox], password);
  });
  after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    logs = mkdtempSync(join(folder, "logs-"));
    log4js.configure(auditLogging({ directory: logs, serviceName: "clinic", console: false }));
    audit.start({ serviceName: "clinic" });
  });
  afterEach(async () => {
    await audit.stop();
    await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
  });

  /** The records of calls; fails when a password is anywhere in what we have written or tell. */
  async function records(): Promise<unknown[]> {
    await audit.flush();
    const names = readdirSync(logs);
    const written = names.map((name) => readFileSync(join(logs, name), "utf8")).join("");
    const told = written + JSON.stringify([audit.health(), audit.coverage()]);
    for (const secret of [password, wrongPassword]) {
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
        assert.ok(!told.includes(form), form);
      for (const encoding of ["base64", "hex"] as const)
        assert.ok(!told.includes(Buffer.from(secret).toString(encoding)), encoding);
    }
    return assertRecords(readFileSync(join(logs, "api.log"), "utf8")).map(withoutTheRun);
  }

  /** What the server says of each attempt. */
  const judged = (): string[] => server.said().match(/(?:Accepted|Failed) \S+ for \S+/g) ?? [];

  /** All that a record of this server has, with what is its own. */
  function expected(operation: string, asked: object, answered: object, own: object = {}): unknown {
    return {
      level: "API",
      name: "audit.request",
      message: "Audit External Service",
      service_name: "lab",
      user: null,
      schema: 1,
      parent_id: null,
      outcome: "success",
      request_type: "external",
      protocol: "sftp",
      request_repr: {
        host: "127.0.0.1",
        operation,
        remote_path: null,
        filename: null,
        host_key: server.hostKey,
        ...asked,
      },
      response_repr: { message: null, bytes: null, sha256: null, error_code: null, ...answered },
      error_message: null,
      extra: {},
      route: null,
      handler: null,
      ...own,
    };
  }

  it("is recorded whole, with what the user did, and without the password", async () => {
    const judgedBefore = judged().length;
    const lab = new Lab();
    await audit.run({ actor: { id: "ana" } }, async () => {
      await lab.connect({ ...server.address, password });
      await lab.upload(inbox, "order.txt", "order");
      assert.equal(String(await lab.download(join(inbox, "order.txt"))), "order");
      await lab.close();
    });
    assert.deepEqual(judged().slice(judgedBefore), [`Accepted password for ${server.address.username}`]);
    const stored = join(inbox, "order.txt");
    assert.equal(readFileSync(stored, "utf8"), "order");
    // It was this user indeed, whom nobody else on the machine knows.
    assert.equal(statSync(stored).uid, server.uid);
    const file = { remote_path: stored, filename: "order.txt" };
    const moved = { bytes: 5, sha256: sha256("order") };
    const own = { user: { id: "ana" } };
    assert.deepEqual(await records(), [
      expected("connect", {}, {}, own),
      expected("put", file, { message: `Uploaded data stream to ${stored}`, ...moved }, own),
      expected("get", file, moved, own),
      expected("end", {}, {}, own),
    ]);
  });

  it("is recorded as denied where the password is wrong, and can be tried again", async () => {
    const judgedBefore = judged().length;
    const lab = new Lab();
    const login = { ...server.address, password: wrongPassword };
    const plain = quietClient();
    const without = await rejection(plain.connect(login));
    await plain.end();
    const error = await rejection(lab.connect(login));
    assert.deepEqual([error.message, error.code], [without.message, undefined]);
    await lab.connect({ ...server.address, password });
    await lab.close();
    const { username } = server.address;
    assert.deepEqual(
      judged().slice(judgedBefore),
      ["Failed", "Failed", "Accepted"].map((word) => `${word} password for ${username}`),
    );
    assert.deepEqual(await records(), [
      // ssh2 has no code for this.
      expected("connect", {}, { error_code: null }, { outcome: "denied", error_message: error.message }),
      expected("end", {}, {}),
      expected("connect", {}, {}),
      expected("end", {}, {}),
    ]);
  });

  it("leaves the machine's own accounts as they are", () => {
    for (const file of ["/etc/passwd", "/etc/shadow"]) {
      assert.ok(!readFileSync(file, "utf8").includes(server.address.username), file);
    }
    assert.ok(!readFileSync("/proc/self/mounts", "utf8").includes(folder));
  });
});

const ofTheRun = ["timestamp", "record_id", "request_id", "trace_id", "span_id", "execution_time"];

function withoutTheRun(record: Record<string, unknown>): unknown {
  return Object.fromEntries(Object.entries(record).filter(([name]) => !ofTheRun.includes(name)));
}
