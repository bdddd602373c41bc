/**
 * The records of SFTP operations, as they stand in the file: by `audit.attach`, and by the base classes.
 */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import log4js from "log4js";
import { audit, auditLogging, AuditError, ExternalService, SftpClient } from "activity-audit";
import { assertRecord } from "../../support/schema.js";
import { quietClient, rejection } from "./recorded.js";
import { onEachServer, sha256 } from "./servers.js";

@ExternalService("archive")
class Archive extends ExternalService {
  get client() {
    return this.sftp;
  }
}

class Lab extends SftpClient {
  constructor() {
    super("lab");
  }
}

onEachServer("a record of SFTP", (bench) => {
  let directory: string;

  beforeEach(() => {
    directory = join(bench.folder, `logs-${Math.random()}`);
    log4js.configure(auditLogging({ directory, serviceName: "clinic", console: false }));
  });
  afterEach(async () => {
    await audit.stop();
    await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
  });

  /** All of our files, as text. */
  const files = async (): Promise<string> => {
    await audit.flush();
    return ["api", "audit", "app"]
      .map((name) => readFileSync(join(directory, `${name}.log`), "utf8"))
      .join("");
  };
  const records = async () =>
    (await files())
      .split("\n")
      .filter((line) => line.includes('"protocol":"sftp"'))
      .map((line) => assertRecord(line) as Record<string, any>);

  it("is made for an attached client, and none any more when it is detached", async () => {
    audit.start({ serviceName: "clinic" });
    const client = quietClient();
    const detach = audit.attach(client, { service: "lab" });
    await audit.run({ actor: { id: "ana" } }, async () => {
      await client.connect(bench.server.login);
      await client.put(Buffer.from("result"), bench.path("/inbox/result.txt"));
    });
    const error = await rejection(client.get(bench.path("/nowhere")));
    detach();
    await client.exists(bench.path("/inbox"));
    await client.end();
    const [connect, put, get, ...rest] = await records();
    assert.deepEqual(rest, []);
    assert.equal(connect!["request_repr"].operation, "connect");
    const { service_name: service, user, outcome, request_repr: asked, response_repr: answered } = put!;
    assert.deepEqual([service, user.id, outcome], ["lab", "ana", "success"]);
    assert.deepEqual(asked, {
      host: "127.0.0.1",
      operation: "put",
      remote_path: bench.path("/inbox/result.txt"),
      filename: "result.txt",
      host_key: bench.server.hostKey,
    });
    assert.deepEqual(answered, {
      message: `Uploaded data stream to ${bench.path("/inbox/result.txt")}`,
      bytes: 6,
      sha256: sha256("result"),
      error_code: null,
    });
    assert.deepEqual(
      [get!["outcome"], get!["error_message"], get!["response_repr"].error_code],
      ["failure", error.message, String(error.code)],
    );
  });

  it("is made for the base classes, named by their service", async () => {
    audit.start({ serviceName: "clinic" });
    const lab = new Lab();
    await lab.connect(bench.server.login);
    await lab.upload(bench.path("/inbox"), "order.txt", "order");
    await lab.close();
    const archive = new Archive();
    await archive.client.connect(bench.server.login);
    await archive.client.list(bench.path("/results"));
    await archive.client.end();
    assert.deepEqual(
      (await records()).map((record) => [record["service_name"], record["request_repr"].operation]),
      [
        ["lab", "connect"],
        ["lab", "put"],
        ["lab", "end"],
        ["archive", "connect"],
        ["archive", "list"],
        ["archive", "end"],
      ],
    );
  });

  it("is made once where a client of a base class is attached too", async () => {
    audit.start({ serviceName: "clinic" });
    const archive = new Archive();
    const detach = audit.attach(archive.client, { service: "vault" });
    await archive.client.connect(bench.server.login);
    detach();
    await archive.client.list(bench.path("/results"));
    await archive.client.end();
    assert.deepEqual(
      (await records()).map((record) => [record["service_name"], record["request_repr"].operation]),
      [
        ["vault", "connect"],
        ["archive", "list"],
        ["archive", "end"],
      ],
    );
  });

  it("names the directory as the cause of its files, also outside of any context", async () => {
    audit.start({ serviceName: "clinic" });
    const source = join(bench.folder, "caused");
    mkdirSync(source, { recursive: true });
    for (const name of ["1", "2"]) writeFileSync(join(source, name), name);
    const client = quietClient();
    audit.attach(client, { service: "lab" });
    await client.connect(bench.server.login);
    await client.uploadDir(source, bench.path("/inbox/caused"));
    await client.end();
    const all = await records();
    const whole = all.find(({ request_repr: asked }) => asked.operation === "uploadDir")!;
    const parents = all
      .filter(({ request_repr: asked }) => asked.operation === "put")
      .map((put) => put["parent_id"]);
    assert.deepEqual(parents, [whole["record_id"], whole["record_id"]]);
    assert.equal(whole["parent_id"], null);
  });

  it("has no secret of a connection, whatever becomes of it", async () => {
    audit.start({ serviceName: "clinic" });
    const passphrase = "a-passphrase-of-the-spec";
    const broken =
      "-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5IGF0IGFsbA\n-----END OPENSSH PRIVATE KEY-----";
    const attempts = [
      bench.server.login,
      { ...bench.server.login, passphrase },
      { ...bench.server.refusedLogin, passphrase },
      { ...bench.server.login, privateKey: broken, passphrase },
      { ...bench.server.login, port: 1, passphrase },
    ];
    for (const login of attempts) {
      const client = quietClient();
      const detach = audit.attach(client, { service: "lab" });
      await client.connect(login).catch(() => {});
      await client.end();
      detach();
    }
    assert.equal(
      (await records()).filter(({ request_repr: asked }) => asked.operation === "connect").length,
      5,
    );
    const written = (await files()) + JSON.stringify(audit.health());
    for (const secret of [...bench.server.secrets, passphrase, "bm90IGEga2V5IGF0IGFsbA"]) {
      assert.ok(!written.includes(secret));
    }
  });

  it("is not started with seconds that make no sense", () => {
    for (const unknownAfter of [0, -1, Number.NaN, 100_000, "30"]) {
      assert.throws(
        () => audit.start({ serviceName: "clinic", sftp: { unknownAfter } as never }),
        (error) => error instanceof AuditError && error.code === "AUDIT_OPTION_INVALID",
      );
    }
  });
});
