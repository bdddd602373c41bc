/**
 * Makes the clients that the base classes hand out, and offers them to the audit.
 *
 * @module
 */
import type { AxiosInstance, CreateAxiosDefaults } from "axios";
import type SftpLibrary from "ssh2-sftp-client";
import { serviceMetadata } from "../decorate/readers.js";
import type { ServiceMetadata } from "../decorate/metadata.js";
import { offerClient } from "../registry/clients.js";
import { loadAxios, loadSftpLibrary } from "./peers.js";

type ServiceName = Pick<ServiceMetadata, "name" | "options">;

/** The service that an object speaks for: as decorated, else as its constructor was told, else its class's name. */
export function serviceOf(object: object, given?: string): ServiceName {
  const decorated = serviceMetadata(object.constructor);
  if (decorated && given === undefined) return decorated;
  return { name: given ?? object.constructor.name, options: decorated?.options ?? {} };
}

const hidden = Symbol("activity-audit client");

/**
 * Keeps something of ours on an object of the application's. Not in a private field: that is not to be reached through a
 * Proxy which the application puts round its object.
 */
export function keep<State extends object>(object: object, state: State): void {
  Object.defineProperty(object, hidden, { value: state });
}

export function kept<State extends object>(object: object): State {
  return (object as Record<typeof hidden, State>)[hidden];
}

export function makeHttp({ name, options }: ServiceName, config?: CreateAxiosDefaults): AxiosInstance {
  const instance = loadAxios().create(config);
  offerClient({ kind: "axios", target: instance, service: name, options });
  return instance;
}

export function makeSftp({ name, options }: ServiceName): SftpLibrary {
  const Library = loadSftpLibrary();
  const client = new Library(name);
  offerClient({ kind: "sftp", target: client, service: name, options });
  return client;
}
