/**
 * A real OpenSSH server that lets one user in by password, and leaves nothing on the machine.
 *
 * `sshd` asks the system for a password, so there must be an account; it is only in copies of `/etc/passwd` and
 * `/etc/shadow`, which stand over the real ones in a mount namespace of that server's own. Nobody else sees them, and
 * they are gone with its last process.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startSshd, withoutSshd, type Sshd } from "./sshd.js";

/** Of nobody else on the machine, as Debian gives numbers: after the users', before nobody's. */
const UID = 61_987;

/** `unshare`, of util-linux, with mounts that reach no other namespace. */
const inOwnNamespace = ["unshare", "--mount", "--propagation", "private"] as const;

/** Why there is none: to be given to `skip`. In CI its absence is a failure, not a gap. */
export const withoutPasswords: string | false = withoutSshd || refused();

function refused(): string | false {
  const [unshare, ...args] = inOwnNamespace;
  const { status, stderr, error } = spawnSync(unshare, [...args, "true"], { encoding: "utf8" });
  if (status === 0 && existsSync("/usr/bin/openssl")) return false;
  const reason = status === 0 ? "no openssl here" : `no mount namespace here: ${error?.message ?? stderr}`;
  if (process.env.CI) throw new Error(reason);
  return reason;
}

export interface OpenSshByPassword extends Sshd {
  readonly address: { readonly host: string; readonly port: number; readonly username: string };
  /** Of whom the sessions are, and what they write. */
  readonly uid: number;
}

/** @param folder - for its settings; its sessions begin in `files`, which become the user's */
export async function openSshByPassword(
  folder: string,
  files: readonly [home: string, ...others: string[]],
  password: string,
): Promise<OpenSshByPassword> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const username = "audit-by-password";
  for (const each of files) chownSync(each, UID, UID);
  const hash = execFileSync("openssl", ["passwd", "-6", "-stdin"], { input: password, encoding: "utf8" });
  const lines = {
    passwd: `${username}:x:${UID}:${UID}::${files[0]}:/bin/sh`,
    shadow: `${username}:${hash.trim()}:20000:0:99999:7:::`,
  };
  const mounts = Object.entries(lines).map(([name, line]) => {
    const copy = join(folder, name);
    writeFileSync(copy, `${readFileSync(`/etc/${name}`, "utf8").trimEnd()}\n${line}\n`, {
      mode: name === "shadow" ? 0o600 : 0o644,
    });
    return `mount --bind ${copy} /etc/${name}`;
  });
  const sshd = await startSshd(
    folder,
    ["AuthenticationMethods password", "PasswordAuthentication yes", `AllowUsers ${username}`],
    [...inOwnNamespace, "sh", "-c", `${mounts.join(" && ")} && exec "$@"`, "sh"],
  );
  return { ...sshd, address: { host: "127.0.0.1", port: sshd.port, username }, uid: UID };
}
