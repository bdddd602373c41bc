/**
 * The client's address behind proxies, as Express's `trust proxy` has it: addresses are believed from the right,
 * as long as the one who told them is trusted.
 *
 * @see https://expressjs.com/en/guide/behind-proxies.html
 * @module
 */
import { BlockList, isIP, type Socket } from "node:net";
import { guarded } from "../../health.js";

/**
 * Which proxies are believed: `true` all of them, a number so many hops, addresses or ranges in CIDR form
 * (`loopback`, `linklocal` and `uniquelocal` are names for the usual ones), or a function.
 */
export type TrustProxy =
  boolean | number | string | readonly string[] | ((address: string, hop: number) => boolean);

type Trust = (address: string, hop: number) => boolean;

const ranges: Record<string, readonly string[]> = {
  loopback: ["127.0.0.1/8", "::1/128"],
  linklocal: ["169.254.0.0/16", "fe80::/10"],
  uniquelocal: ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"],
};

/** Makes the function that says whom to trust. @throws {TypeError} for what is neither address nor range */
export function trustFunction(trust: TrustProxy): Trust {
  if (typeof trust === "function") {
    return (address, hop) => guarded("capture.http_rule", () => trust(address, hop)) ?? false;
  }
  if (typeof trust === "boolean") return () => trust;
  if (typeof trust === "number") return (_address, hop) => hop < trust;
  const list = blockList(typeof trust === "string" ? trust.split(",") : trust);
  return (address) => isIP(address) !== 0 && list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
}

/**
 * The nearest address that is not a trusted proxy's.
 *
 * @param peer - the socket's own remote address; a Unix socket has none
 * @param forwarded - the header `x-forwarded-for`
 */
export function clientAddress(
  peer: string | null,
  forwarded: string | undefined,
  trust: Trust,
): string | null {
  if (forwarded === undefined) return peer;
  const told = forwarded.split(",").map((address) => plainAddress(address.trim()));
  let address = plainAddress(peer ?? "");
  for (let hop = 0; told.length > 0 && trust(address, hop); hop += 1) {
    address = told.pop() || address;
  }
  return address || null;
}

const peers = new WeakMap<Socket, string>();

/** The socket's own remote address, asked for once: Node makes an object each time, and a connection has many requests. */
export function peerOf(socket: Socket | null | undefined): string | null {
  if (!socket) return null;
  let peer = peers.get(socket);
  if (peer === undefined) {
    peer = socket.remoteAddress;
    if (peer === undefined) return null;
    peers.set(socket, peer);
  }
  return peer;
}

/** An IPv4 address that was mapped into IPv6 is the IPv4 address. */
export function plainAddress(address: string): string {
  return address.startsWith("::ffff:") && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

function blockList(entries: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of entries.flatMap((name) => ranges[name.trim()] ?? [name.trim()])) {
    const [address = "", prefix] = entry.split("/");
    const family = isIP(address);
    if (family === 0) throw new TypeError(`${JSON.stringify(entry)} is neither an address nor a range`);
    const type = family === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, type);
    else list.addSubnet(address, Number(prefix), type);
  }
  return list;
}
