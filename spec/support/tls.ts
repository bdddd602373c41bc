/**
 * A server over TLS, whose certificate nobody has signed but itself.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SelfSigned {
  readonly server: Server;
  /** `https://localhost:PORT` */
  readonly url: string;
  readonly certificate: Buffer;
  close(): void;
}

/** Answers `well` to everything. */
export async function selfSigned(): Promise<SelfSigned> {
  const folder = mkdtempSync(join(tmpdir(), "activity-audit-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const files = ["-keyout", key, "-out", cert];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "rsa:2048", "-nodes", ...files, "-days", "2", ...subject],
    {
      stdio: "ignore",
    },
  );
  const certificate = readFileSync(cert);
  const server = createServer({ key: readFileSync(key), cert: certificate }, (_, response) => {
    response.end("well");
  }).listen(0, "127.0.0.1");
  rmSync(folder, { recursive: true });
  await once(server, "listening");
  return {
    server,
    url: `https://localhost:${(server.address() as AddressInfo).port}`,
    certificate,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
