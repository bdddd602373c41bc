/**
 * Learns the host key of a server from the options of `connect`, which are handed on as they are but for one.
 *
 * @module
 */
import { createHash, getHashes } from "node:crypto";
import { guarded } from "../../health.js";

type Verify = (permitted: boolean) => void;
type HostVerifier = (key: unknown, verify: Verify) => unknown;

/**
 * `config` with a verifier that tells the key, and then lets the application's own decide, given what it would have
 * been given. Where it has none, every key is accepted, as without us.
 *
 * The options are not copied: they may be frozen, or an object of a class that reads its secrets when it is asked.
 */
export function withHostKey(config: object, tell: (fingerprint: string) => void): object {
  const { hostVerifier: own, hostHash } = config as { hostVerifier?: HostVerifier; hostHash?: string };
  const hostVerifier: HostVerifier = (key, verify) => {
    guarded("capture.sftp", () => tell(fingerprint(key as Buffer)));
    if (typeof own !== "function") return true;
    // ssh2 hashes the key for a verifier that asks for it, and so no longer for ours.
    const hashed = hostHash !== undefined && getHashes().includes(hostHash);
    return own(
      hashed
        ? createHash(hostHash)
            .update(key as Buffer)
            .digest("hex")
        : key,
      verify,
    );
  };
  const ours: Record<PropertyKey, unknown> = { hostVerifier, hostHash: undefined };
  return new Proxy(Object.create(Object.getPrototypeOf(config)) as object, {
    get: (_, name) => (Object.hasOwn(ours, name) ? ours[name] : Reflect.get(config, name)),
    has: (_, name) => Object.hasOwn(ours, name) || Reflect.has(config, name),
    set: (_, name, value) => Reflect.set(config, name, value),
  });
}

/** As OpenSSH prints it. */
function fingerprint(key: Buffer): string {
  return `SHA256:${createHash("sha256").update(key).digest("base64").replace(/=+$/u, "")}`;
}
