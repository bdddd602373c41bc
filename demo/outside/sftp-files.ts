/**
 * Serves a folder's files over SFTP version 3 (draft-ietf-secsh-filexfer-02), on ssh2's own Server class.
 *
 * @module
 */
import * as fs from "node:fs/promises";
import { join, normalize } from "node:path";
import ssh2, { type Attributes, type SFTPWrapper } from "ssh2";

const { STATUS_CODE, OPEN_MODE } = ssh2.utils.sftp;

type Opened = { file: fs.FileHandle } | { folder: string; listed: boolean };

interface Served {
  /** What stands for `/`. */
  readonly root: string;
  /** Whatever would change something is refused. */
  readonly readOnly: boolean;
  /** Every request that arrives, by its name in the protocol. */
  readonly seen: string[];
}

export function serveFiles(sftp: SFTPWrapper, { root, readOnly, seen }: Served): void {
  const handles = new Map<number, Opened>();
  let lastHandle = 0;
  let gone = false;
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
    work().catch((error: NodeJS.ErrnoException) => sftp.status(id, statusOf(error), error.message));
  };
  /** A request that changes something, and is answered by its status alone. */
  const change = (name: string, id: number, work: () => Promise<unknown>) =>
    reply(name, id, async () => {
      if (readOnly) throw refusal;
      await work();
      sftp.status(id, STATUS_CODE.OK);
    });

  sftp
    // A client that is gone leaves its files open.
    .on("close", () => {
      gone = true;
      for (const entry of handles.values()) if ("file" in entry) void entry.file.close();
      handles.clear();
    })
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
    .on("SETSTAT", (id, path, { mode }) =>
      change("SETSTAT", id, async () => mode !== undefined && fs.chmod(local(path), mode & 0o7777)),
    )
    .on("FSETSTAT", (id, handle, { mode }) =>
      change("FSETSTAT", id, async () => mode !== undefined && fileOf(handle).chmod(mode & 0o7777)),
    )
    .on("OPEN", (id, path, flags) =>
      reply("OPEN", id, async () => {
        const writing = (flags & OPEN_MODE.WRITE) !== 0;
        if (writing && readOnly) throw refusal;
        // Where to write is said by each request; Node's "a" would write at the end whatever it says.
        const mode = !writing ? "r" : flags & OPEN_MODE.TRUNC ? "w" : await inPlace(local(path));
        const file = await fs.open(local(path), mode);
        if (gone) await file.close();
        else sftp.handle(id, open({ file }));
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
      change("WRITE", id, () => fileOf(handle).write(data, 0, data.length, offset)),
    )
    .on("CLOSE", (id, handle) =>
      reply("CLOSE", id, async () => {
        const number = handle.readUInt32BE();
        const entry = handles.get(number);
        handles.delete(number);
        if (entry && "file" in entry) await entry.file.close();
        sftp.status(id, STATUS_CODE.OK);
      }),
    )
    .on("RENAME", (id, from, to) => change("RENAME", id, () => fs.rename(local(from), local(to))))
    .on("REMOVE", (id, path) => change("REMOVE", id, () => fs.unlink(local(path))))
    .on("MKDIR", (id, path) => change("MKDIR", id, () => fs.mkdir(local(path))))
    .on("RMDIR", (id, path) => change("RMDIR", id, () => fs.rmdir(local(path))))
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
        const files = (await fs.readdir(entry.folder)).map(async (filename) => {
          const attrs = await attributesOf(join(entry.folder, filename));
          return { filename, longname: longName(filename, attrs), attrs };
        });
        sftp.name(id, await Promise.all(files));
      }),
    );
}

const refusal = Object.assign(new Error("Permission denied"), { code: "EACCES" });

function statusOf({ code }: NodeJS.ErrnoException): number {
  if (code === "ENOENT") return STATUS_CODE.NO_SUCH_FILE;
  return code === "EACCES" || code === "EPERM" ? STATUS_CODE.PERMISSION_DENIED : STATUS_CODE.FAILURE;
}

/** Opens for writing what is there as it is; makes it where it is not. */
async function inPlace(path: string): Promise<string> {
  const there = await fs.stat(path).catch(() => undefined);
  return there ? "r+" : "w";
}

async function attributesOf(path: string): Promise<Attributes> {
  const { mode, uid, gid, size, atimeMs, mtimeMs } = await fs.stat(path);
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1000), mtime: Math.floor(mtimeMs / 1000) };
}

/** The one thing that clients read of it is its first letter: what kind of thing it is. */
function longName(name: string, { mode }: Attributes): string {
  const isFolder = (mode & 0o170000) === 0o040000;
  return `${isFolder ? "d" : "-"}rw-r--r-- 1 clinic clinic ${name}`;
}
