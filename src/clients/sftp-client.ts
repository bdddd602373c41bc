/**
 * `SftpClient`: the seed's form of a class that exchanges files with a service.
 *
 * @module
 */
import { posix } from "node:path";
import { setTimeout } from "node:timers/promises";
import type SftpLibrary from "ssh2-sftp-client";
import { markClient } from "../decorate/external-service.js";
import { keep, kept, makeSftp, serviceOf } from "./made.js";

/** How long a refused connection is waited for to be closed; one that was never opened is not. */
const CLOSING_MS = 1000;

interface Connection {
  /** Settled once it stands; none before, and when it is gone. */
  stands: Promise<void> | undefined;
}

/**
 * A base class for clients of one SFTP server; one connection, reused, and each operation is one record.
 *
 * @example
 * class Lab extends SftpClient {
 *   constructor() {
 *     super("lab");
 *   }
 *   async order(name: string, text: string) {
 *     await this.connect({ host: "lab.example", username: "clinic", privateKey });
 *     await this.upload("/inbox", name, text);
 *   }
 * }
 */
export class SftpClient {
  /** The ssh2-sftp-client behind the methods, for all that they do not offer. */
  protected readonly sftp: SftpLibrary;

  /**
   * @param service - written as `service_name` of its operations
   * @throws {AuditError} `AUDIT_PEER_MISSING`: ssh2-sftp-client is not installed
   */
  constructor(service: string) {
    this.sftp = makeSftp(serviceOf(this, service));
    const connection: Connection = { stands: undefined };
    keep(this, connection);
    const gone = (): void => {
      connection.stands = undefined;
    };
    this.sftp.on("close", gone);
    this.sftp.on("end", gone);
  }

  /**
   * Connects, once: while the connection stands, further calls wait for it and give it back.
   *
   * @param options - ssh2's own: `host`, `port`, `username`, `password` or `privateKey`, `readyTimeout` in milliseconds …
   * @throws what ssh2-sftp-client says when the server refuses; the next call then tries anew
   * @example
   * await this.connect({ host: "lab.example", username: "clinic", privateKey });
   */
  async connect(options: SftpLibrary.ConnectOptions): Promise<void> {
    const connection = kept<Connection>(this);
    connection.stands ??= open(this.sftp, options, connection);
    await connection.stands;
  }

  /**
   * Whether there is a file or a folder of this name.
   *
   * @param path - on the server
   * @example
   * if (!(await this.isValidPath("/inbox"))) await this.sftp.mkdir("/inbox");
   */
  async isValidPath(path: string): Promise<boolean> {
    return (await this.sftp.exists(path)) !== false;
  }

  /**
   * Writes `content` to a file of a folder that is there.
   *
   * @param folder - a path on the server
   * @param name - of the file; one of that name is overwritten
   * @param content - a text is written as UTF-8
   * @returns the file's whole path
   * @throws what ssh2-sftp-client says: the folder is not there, or may not be written to
   * @example
   * const path = await this.upload("/inbox", "order.txt", "aspirin");
   */
  async upload(
    folder: string,
    name: string,
    content: string | Buffer | NodeJS.ReadableStream,
  ): Promise<string> {
    const path = posix.join(folder, name);
    await this.sftp.put(typeof content === "string" ? Buffer.from(content) : content, path);
    return path;
  }

  /**
   * The content of a file; all of it is held in memory.
   *
   * @param path - on the server
   * @throws what ssh2-sftp-client says: there is no such file
   * @example
   * const text = (await this.download("/outbox/result.csv")).toString("utf8");
   */
  async download(path: string): Promise<Buffer> {
    return (await this.sftp.get(path)) as Buffer;
  }

  /**
   * Ends the connection; the next `connect` makes a new one. Does nothing where there is none.
   *
   * @example
   * await this.close();
   */
  async close(): Promise<void> {
    const connection = kept<Connection>(this);
    if (connection.stands === undefined) return;
    connection.stands = undefined;
    await this.sftp.end();
  }
}

async function open(
  sftp: SftpLibrary,
  options: SftpLibrary.ConnectOptions,
  connection: Connection,
): Promise<void> {
  const closing = new AbortController();
  const closed = (): void => closing.abort();
  sftp.on("close", closed);
  try {
    await sftp.connect(options);
  } catch (error) {
    // The refused connection's end, and its timer for getting ready, would otherwise be those of the next one.
    await sftp.end().catch(() => {});
    await setTimeout(CLOSING_MS, undefined, { signal: closing.signal }).catch(() => {});
    connection.stands = undefined;
    throw error;
  } finally {
    sftp.removeListener("close", closed);
  }
}

markClient(SftpClient);
