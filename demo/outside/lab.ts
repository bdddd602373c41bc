/**
 * The laboratory's SFTP server: ssh2's own Server class over a folder on disk, on loopback.
 *
 * As much of SFTP version 3 (draft-ietf-secsh-filexfer-02) as a client needs to put, get, rename, list,
 * stat and delete files.
 *
 * @module
 */
import { generateKeyPairSync } from "node:crypto";
import * as fs from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { join, normalize } from "node:path";
import ssh2, { type Attributes, type Connection, type SFTPWrapper } from "ssh2";
import type { LabAddress } from "../clinic/services.js";

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

export interface LabServer {
  readonly address: LabAddress;
  /** Where the files are. */
  readonly folder: string;
  /** Every SFTP request that arrived, by its name in the protocol. */
  readonly seen: readonly string[];
  close(): Promise<void>;
}

export async function labServer(folder: string): Promise<LabServer> {
  await fs.mkdir(join(folder, "inbox"), { recursive: true });
  await fs.mkdir(join(folder, "results"), { recursive: true });
  const address = { host: "127.0.0.1", username: "clinic", password: "demo-lab-password" };
  const { privateKey } = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    privateKeyEncoding: { type: "pkcs1", format: "pem" },
    publicKeyEncoding: { type: "pkcs1", format: "pem" },
  });
  const seen: string[] = [];
  const connections = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (connection) => {
    connections.add(connection);
    connection
      .on("close", () => connections.delete(connection))
      .on("error", () => connection.end())
      .on("authentication", (attempt) => {
        const known = attempt.method === "password" && attempt.password === address.password;
        if (known && attempt.username === address.username) attempt.accept();
        else attempt.reject(["password"]);
      })
      .on("session", (accept) => {
        accept().on("sftp", (acceptSftp) => serve(acceptSftp(), folder, seen));
      });
  });
  await new Promise<void>((resolve) => server.listen(0, address.host, resolve));
  const { port } = server.address() as AddressInfo;
  return {
    address: { ...address, port },
    folder,
    seen,
    close: () =>
      new Promise((resolve) => {
        for (const connection of connections) connection.end();
        server.close(() => resolve());
      }),
  };
}

type Opened = { file: fs.FileHandle } | { folder: string; listed: boolean };

function serve(sftp: SFTPWrapper, root: string, seen: string[]): void {
  const handles = new Map<number, Opened>();
  let lastHandle = 0;
  const local = (path: string) => join(root, normalize(`/${path}`));
  const open = (entry: Opened): Buffer => {
    lastHandle += 1;
    handles.set(lastHandle, entry);
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(lastHandle);
    return handle;
  };
  const fileOf = (handle: Buffer) => {
    const entry = handles.get(handle.readUInt32BE());
    if (!entry || !("file" in entry)) throw new Error("not an open file");
    return entry.file;
  };
  /** Answers a request with what `work` answers, or with the status that its error means. */
  const reply = (name: string, id: number, work: () => Promise<void>) => {
    seen.push(name);
    work().catch((error: NodeJS.ErrnoException) => {
      const missing = error.code === "ENOENT";
      sftp.status(id, missing ? STATUS_CODE.NO_SUCH_FILE : STATUS_CODE.FAILURE, error.message);
    });
  };
  const done = (id: number) => sftp.status(id, STATUS_CODE.OK);

  sftp
    .on("REALPATH", (id, path) =>
      reply("REALPATH", id, async () => {
        const filename = normalize(`/${path}`);
        sftp.name(id, [{ filename, longname: filename, attrs: {} as Attributes }]);
      }),
    )
    .on("STAT", (id, path) => reply("STAT", id, async () => sftp.attrs(id, await attributesOf(local(path)))))
    .on("LSTAT", (id, path) =>
      reply("LSTAT", id, async () => sftp.attrs(id, await attributesOf(local(path)))),
    )
    .on("FSTAT", (id, handle) =>
      reply("FSTAT", id, async () => {
        const { mode, uid, gid, size } = await fileOf(handle).stat();
        sftp.attrs(id, { mode, uid, gid, size, atime: 0, mtime: 0 });
      }),
    )
    .on("SETSTAT", (id) => reply("SETSTAT", id, async () => done(id)))
    .on("FSETSTAT", (id) => reply("FSETSTAT", id, async () => done(id)))
    .on("OPEN", (id, path, flags) =>
      reply("OPEN", id, async () => {
        const mode = flags & OPEN_MODE.WRITE ? "w" : "r";
        sftp.handle(id, open({ file: await fs.open(local(path), mode) }));
      }),
    )
    .on("READ", (id, handle, offset, length) =>
      reply("READ", id, async () => {
        const { bytesRead, buffer } = await fileOf(handle).read(Buffer.alloc(length), 0, length, offset);
        if (bytesRead === 0) sftp.status(id, STATUS_CODE.EOF);
        else sftp.data(id, buffer.subarray(0, bytesRead));
      }),
    )
    .on("WRITE", (id, handle, offset, data) =>
      reply("WRITE", id, async () => {
        await fileOf(handle).write(data, 0, data.length, offset);
        done(id);
      }),
    )
    .on("CLOSE", (id, handle) =>
      reply("CLOSE", id, async () => {
        const number = handle.readUInt32BE();
        const entry = handles.get(number);
        handles.delete(number);
        if (entry && "file" in entry) await entry.file.close();
        done(id);
      }),
    )
    .on("RENAME", (id, from, to) =>
      reply("RENAME", id, async () => {
        await fs.rename(local(from), local(to));
        done(id);
      }),
    )
    .on("REMOVE", (id, path) =>
      reply("REMOVE", id, async () => {
        await fs.unlink(local(path));
        done(id);
      }),
    )
    .on("OPENDIR", (id, path) =>
      reply("OPENDIR", id, async () => {
        await fs.readdir(local(path));
        sftp.handle(id, open({ folder: local(path), listed: false }));
      }),
    )
    .on("READDIR", (id, handle) =>
      reply("READDIR", id, async () => {
        const entry = handles.get(handle.readUInt32BE());
        if (!entry || !("folder" in entry) || entry.listed) {
          sftp.status(id, STATUS_CODE.EOF);
          return;
        }
        entry.listed = true;
        const names = await fs.readdir(entry.folder);
        const files = names.map(async (filename) => ({
          filename,
          longname: filename,
          attrs: await attributesOf(join(entry.folder, filename)),
        }));
        sftp.name(id, await Promise.all(files));
      }),
    );
}

async function attributesOf(path: string): Promise<Attributes> {
  const { mode, uid, gid, size, atimeMs, mtimeMs } = await fs.stat(path);
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) };
}
