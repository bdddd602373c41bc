/**
 * The two servers that all SFTP specs run against: ssh2's own Server class, and OpenSSH.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import type { ConnectOptions } from "ssh2-sftp-client";
import { labServer } from "#demo/outside/lab";
import { openSsh, withoutSshd } from "../../support/sshd.js";

export interface RunningServer {
  /** Where its files are on this machine's disk. */
  readonly files: string;
  /** The same folder, as a client names it. */
  readonly root: string;
  /** Lets in for everything. */
  readonly login: ConnectOptions;
  /** Lets in for reading only. */
  readonly readerLogin: ConnectOptions;
  /** Lets nobody in. */
  readonly refusedLogin: ConnectOptions;
  /** What must never be written anywhere. */
  readonly secrets: readonly string[];
  /** The fingerprint of its host key, from another hand than ours. */
  readonly hostKey: string;
  /** What it was asked since it was last asked for this, in order. */
  requests(): string[];
  /** Breaks every connection off. */
  cut(): void;
  close(): Promise<void>;
}

interface ServerKind {
  readonly name: string;
  readonly skip: string | false;
  start(folder: string): Promise<RunningServer>;
}

export const ssh2Server: ServerKind = {
  name: "ssh2's Server",
  skip: false,
  async start(folder) {
    const lab = await labServer(join(folder, "files"));
    let read = 0;
    return {
      files: lab.folder,
      root: "",
      login: lab.address,
      readerLogin: { ...lab.address, username: lab.reader },
      refusedLogin: { ...lab.address, password: "a wrong password" },
      secrets: [lab.address.password, "a wrong password"],
      hostKey: lab.hostKey,
      requests: () => lab.seen.slice(read, (read = lab.seen.length)),
      cut: () => lab.cut(),
      close: () => lab.close(),
    };
  },
};

export const openSshServer: ServerKind = {
  name: "OpenSSH",
  skip: withoutSshd,
  async start(folder) {
    const files = join(folder, "files");
    for (const name of ["inbox", "results"]) await mkdir(join(files, name), { recursive: true });
    const server = await openSsh(join(folder, "ssh"), files);
    const { address, privateKey, readOnlyKey, unknownKey } = server;
    let read = 0;
    const requests = (): string[] => server.log().filter((line) => /request \d+: (?!sent)/.test(line));
    return {
      files,
      root: files,
      login: { ...address, privateKey },
      readerLogin: { ...address, privateKey: readOnlyKey },
      refusedLogin: { ...address, privateKey: unknownKey },
      secrets: [privateKey, readOnlyKey, unknownKey].flatMap((key) => key.split("\n").slice(1, -2)),
      hostKey: server.hostKey,
      requests: () => requests().slice(read, (read = requests().length)),
      cut: () => server.cut(),
      close: () => server.close(),
    };
  },
};

/** What a spec has in hand while it runs. */
export interface Bench {
  readonly server: RunningServer;
  /** For the spec's own local files. */
  readonly folder: string;
  /** The path of a file as a client names it. */
  path(name: string): string;
  /** The bytes of a file as they stand on the server's disk. */
  stored(name: string): Promise<Buffer>;
}

/** Runs the same specs against each server. */
export function onEachServer(
  title: string,
  specs: (bench: Bench) => void,
  kinds: readonly ServerKind[] = [ssh2Server, openSshServer],
): void {
  for (const kind of kinds) {
    describe(`${title}, ${kind.name}`, { skip: kind.skip }, () => {
      const bench = {} as { -readonly [Key in keyof Bench]: Bench[Key] };
      before(async () => {
        bench.folder = await mkdtemp(join(tmpdir(), "sftp-spec-"));
        bench.server = await kind.start(bench.folder);
        bench.path = (name) => bench.server.root + name;
        bench.stored = (name) => readFile(join(bench.server.files, name));
      });
      after(async () => {
        await bench.server.close();
        await rm(bench.folder, { recursive: true });
      });
      specs(bench);
    });
  }
}

export const sha256 = (data: string | Buffer): string => createHash("sha256").update(data).digest("hex");

/** As `sha256sum` of coreutils has it: no library of ours or of Node's. */
export const sha256OfFile = (path: string): string =>
  execFileSync("sha256sum", [path], { encoding: "utf8" }).split(" ")[0]!;
