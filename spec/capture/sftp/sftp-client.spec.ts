/**
 * The base class `SftpClient`: the seed's ease, on one connection.
 */
import assert from "node:assert/strict";
import { it } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { ConnectOptions } from "ssh2-sftp-client";
import { SftpClient } from "activity-audit";
import { rejection } from "./recorded.js";
import { onEachServer } from "./servers.js";

class Lab extends SftpClient {
  constructor() {
    super("lab");
  }
}

onEachServer("SftpClient", (bench) => {
  it("keeps the seed's ease: connect, isValidPath, upload, download, close, on one connection", async () => {
    // An application may put a Proxy round its object.
    const client = new Proxy(new Lab(), {});
    const { login } = bench.server;
    await Promise.all([client.connect(login), client.connect(login)]);
    await client.connect(login);
    assert.equal(await client.isValidPath(bench.path("/inbox")), true);
    assert.equal(await client.isValidPath(bench.path("/nowhere")), false);
    const path = bench.path("/inbox/easy.txt");
    assert.equal(await client.upload(bench.path("/inbox"), "easy.txt", "text"), path);
    assert.equal(String(await bench.stored("/inbox/easy.txt")), "text");
    assert.equal(String(await client.download(path)), "text");
    await client.close();
    await client.connect(login);
    assert.equal(await client.isValidPath(path), true);
    await client.close();
    await client.close();
  });

  it("gives a failed connection back to be tried again, and is not disturbed by it later", async () => {
    const client = new Lab();
    const refused: ConnectOptions = { ...bench.server.refusedLogin, readyTimeout: 1500 };
    await rejection(client.connect(refused));
    await client.connect(bench.server.login);
    // The refused connection's own timer would reject what goes on here.
    const over = performance.now() + 2000;
    while (performance.now() < over) assert.equal(await client.isValidPath(bench.path("/inbox")), true);
    await client.close();
  });

  it("says soon that a connection could not be begun at all", async () => {
    const client = new Lab();
    const error = await rejection(client.connect({ ...bench.server.login, privateKey: "no key" }));
    assert.match(error.message, /privateKey/);
    await client.connect(bench.server.login);
    assert.equal(await client.isValidPath(bench.path("/inbox")), true);
    await client.close();
  });

  it("connects again when the connection was lost", async () => {
    const client = new Lab();
    await client.connect(bench.server.login);
    bench.server.cut();
    while (true) {
      await setTimeout(20);
      const path = bench.path("/inbox/again.txt");
      await client.connect(bench.server.login);
      const uploaded = await client.upload(bench.path("/inbox"), "again.txt", "again").catch(() => null);
      if (uploaded === null) continue;
      assert.equal(uploaded, path);
      break;
    }
    assert.equal(String(await bench.stored("/inbox/again.txt")), "again");
    await client.close();
  });
});
