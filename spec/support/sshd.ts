/**
 * A real OpenSSH server, started for a spec on a free port with keys and files of its own.
 *
 * It is Debian's `sshd` with its `sftp-server`, run by the user who runs the specs. `openSsh` lets that user in, by
 * public key. The key says what may be done: one of them is let in for reading only, which is how a server says
 * `SSH_FX_PERMISSION_DENIED` also to root. `sshd-passwords.ts` has one that lets in by password.
 */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, connect, type AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";

const sshdPath = "/usr/sbin/sshd";
const sftpServerPath = "/usr/lib/openssh/sftp-server";

/** Why there is none: to be given to `skip`. In CI its absence is a failure, not a gap. */
export const withoutSshd: string | false = missing();

function missing(): string | false {
  const absent = [sshdPath, sftpServerPath].filter((path) => !existsSync(path));
  if (absent.length === 0) return false;
  const reason = `no OpenSSH server here: ${absent.join(", ")}`;
  if (process.env.CI) throw new Error(`${reason} (apt-get install openssh-server)`);
  return reason;
}

export interface Sshd {
  readonly port: number;
  /** As `ssh-keygen -lf` prints it: `SHA256:…`. */
  readonly hostKey: string;
  /** What it said of itself. */
  said(): string;
  /** Kills every session, as a server that is switched off. */
  cut(): void;
  close(): Promise<void>;
}

export interface OpenSsh extends Sshd {
  readonly address: { readonly host: string; readonly port: number; readonly username: string };
  readonly privateKey: string;
  /** Lets in for reading only. */
  readonly readOnlyKey: string;
  /** Of a stranger: refused. */
  readonly unknownKey: string;
  /** What its `sftp-server` did, a line a request. */
  log(): string[];
}

/** @param folder - for its keys and settings, made and left by the caller; its sessions begin in `files` */
export async function openSsh(folder: string, files: string): Promise<OpenSsh> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const [client, reader, unknown] = ["client", "reader", "unknown"].map((name) => newKey(folder, name)) as [
    string,
    string,
    string,
  ];
  const log = join(folder, "sftp.log");
  writeFileSync(log, "");
  const serve = `${sftpServerPath} -e -l DEBUG3 -d ${files}`;
  writeFileSync(
    join(folder, "authorized_keys"),
    `command="${serve} 2>>${log}" ${publicKey(client)}command="${serve} -R 2>>${log}" ${publicKey(reader)}`,
    { mode: 0o600 },
  );
  const sshd = await startSshd(folder, [
    `AuthorizedKeysFile ${join(folder, "authorized_keys")}`,
    "AuthenticationMethods publickey",
    "PermitRootLogin yes",
    // The folder is a temporary one, below a folder that all may write to.
    "StrictModes no",
  ]);
  return {
    ...sshd,
    address: { host: "127.0.0.1", port: sshd.port, username: userInfo().username },
    privateKey: readFileSync(client, "utf8"),
    readOnlyKey: readFileSync(reader, "utf8"),
    unknownKey: readFileSync(unknown, "utf8"),
    log: () => readFileSync(log, "utf8").split("\n"),
  };
}

/**
 * Starts `sshd` with a host key and settings in `folder`.
 *
 * @param wrapper - a command that ends by becoming `sshd`, in the same process
 */
export async function startSshd(
  folder: string,
  settings: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Sshd> {
  // Made by Debian's service when it starts; sshd as root refuses to run without it.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true, mode: 0o755 });
  const host = newKey(folder, "host");
  const port = await freePort();
  const all = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${host}`,
    "PidFile none",
    "UsePAM no",
    "MaxStartups 200",
    `Subsystem sftp ${sftpServerPath}`,
    ...settings,
  ];
  const config = join(folder, "sshd_config");
  writeFileSync(config, `${all.join("\n")}\n`);
  const [command, ...args] = [...wrapper, sshdPath, "-D", "-e", "-f", config];
  const sshd = spawn(command!, args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  sshd.stderr.on("data", (text: Buffer) => (said += String(text)));
  if (!(await listening(sshd, port))) throw new Error(`sshd did not start: ${said}`);
  return {
    port,
    hostKey: execFileSync("ssh-keygen", ["-lf", `${host}.pub`], { encoding: "utf8" }).split(" ")[1]!,
    said: () => said,
    cut: () => killSessions(sshd),
    close: () => stopped(sshd),
  };
}

function newKey(folder: string, name: string): string {
  const path = join(folder, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path]);
  return path;
}

const publicKey = (path: string): string => readFileSync(`${path}.pub`, "utf8");

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Whether it answers; not when it ended first. */
async function listening(sshd: ChildProcess, port: number): Promise<boolean> {
  while (sshd.exitCode === null) {
    const answered = await new Promise<boolean>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => resolve(true));
      socket.on("error", () => resolve(false)).on("connect", () => socket.destroy());
    });
    if (answered) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

function stopped(sshd: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (sshd.exitCode !== null || sshd.signalCode !== null) return resolve();
    sshd.once("exit", () => resolve());
    killSessions(sshd);
    sshd.kill("SIGKILL");
  });
}

/** A session is a process of its own, in a group of its own. */
function killSessions({ pid }: ChildProcess): void {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean);
  for (const child of children) {
    try {
      process.kill(Number(child), "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}
