/**
 * The laboratory's SFTP server: ssh2's own Server class over a folder on disk, on loopback.
 *
 * @module
 */
import { createHash, generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs/promises";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { join } from "node:path";
import ssh2 from "ssh2";
import type { LabAddress } from "../clinic/services.js";
import { serveFiles } from "./sftp-files.js";

export interface LabServer {
  readonly address: LabAddress;
  /** Who may read, and change nothing; the password is the same. */
  readonly reader: string;
  /** The fingerprint of its host key, as OpenSSH prints it. */
  readonly hostKey: string;
  /** Where the files are. */
  readonly folder: string;
  /** Every SFTP request that arrived, by its name in the protocol. */
  readonly seen: readonly string[];
  /** Breaks every connection off, as a network does. */
  cut(): void;
  close(): Promise<void>;
}

export async function labServer(folder: string): Promise<LabServer> {
  await fs.mkdir(join(folder, "inbox"), { recursive: true });
  await fs.mkdir(join(folder, "results"), { recursive: true });
  const address = { host: "127.0.0.1", username: "clinic", password: "demo-lab-password" };
  const reader = "clinic-reader";
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const seen: string[] = [];
  const sockets = new Set<Socket>();
  const ssh = new ssh2.Server({ hostKeys: [privateKey] }, (connection) => {
    let readOnly = false;
    connection
      .on("error", () => connection.end())
      .on("authentication", (attempt) => {
        const known = attempt.method === "password" && attempt.password === address.password;
        readOnly = attempt.username === reader;
        if (known && (readOnly || attempt.username === address.username)) attempt.accept();
        else attempt.reject(["password"]);
      })
      .on("session", (accept) => {
        accept().on("sftp", (acceptSftp) => serveFiles(acceptSftp(), { root: folder, readOnly, seen }));
      });
  });
  // As OpenSSH does: an SFTP answer is small, and would wait for the acknowledgement of the one before.
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    ssh.injectSocket(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, address.host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: { ...address, port },
    reader,
    hostKey: fingerprint(privateKey),
    folder,
    seen,
    cut() {
      for (const socket of sockets) socket.destroy();
    },
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.end();
        server.close(() => resolve());
      }),
  };
}

function fingerprint(privateKey: string): string {
  const key = ssh2.utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  const hash = createHash("sha256").update(key.getPublicSSH()).digest("base64");
  return `SHA256:${hash.replace(/=+$/, "")}`;
}
