/**
 * Loads the clients' libraries at the moment that they are used, so that nobody needs the one that he does not use.
 *
 * @module
 */
import type { AxiosStatic } from "axios";
import type SftpLibrary from "ssh2-sftp-client";
import { AuditError } from "../errors.js";

export function loadAxios(): AxiosStatic {
  const loaded = load("axios", "`this.http`") as AxiosStatic & { default?: AxiosStatic };
  return loaded.default ?? loaded;
}

export function loadSftpLibrary(): new (name?: string) => SftpLibrary {
  return load("ssh2-sftp-client", "`this.sftp`") as new (name?: string) => SftpLibrary;
}

function load(name: string, use: string): unknown {
  try {
    return require(name) as unknown;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") throw cause;
    throw new AuditError("AUDIT_PEER_MISSING", [use, name], { cause });
  }
}
