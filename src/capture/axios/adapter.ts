/**
 * Stands in for the adapter of one axios request, and is gone before the adapter sees the request.
 *
 * An adapter that is a function is at hand. One that is named (`http`, `fetch`) is known only to the copy of axios that
 * made the instance, which gives it by `getAdapter` of its global instance; that copy is told by its classes.
 *
 * @module
 */
import { createRequire } from "node:module";
import type { AxiosAdapter, AxiosInstance, AxiosStatic, InternalAxiosRequestConfig } from "axios";
import { guarded } from "../../health.js";

/** The adapter that axios would take for a request; `null` if there is none, `undefined` where that is not to be known. */
export type FindAdapter = (config: InternalAxiosRequestConfig) => AxiosAdapter | null | undefined;

export interface AdapterStand {
  /** Gives these configurations their adapter back, if ours is still there: the request did not get as far. */
  leave(...configs: (InternalAxiosRequestConfig | undefined)[]): void;
}

/** The global instance of each copy of axios, by its class of interceptor managers. */
const copies = new WeakMap<object, AxiosStatic>();
const load = createRequire(__filename);

export function adapterFinder(instance: AxiosInstance): FindAdapter {
  const copy = managerClass(instance);
  learn(instance);
  if (!copies.has(copy)) guarded("capture.axios", () => learn(loaded()));
  // The application has imported that copy, so it is here within a few turns of the event loop.
  if (!copies.has(copy)) void import("axios").then(({ default: axios }) => learn(axios)).catch(() => {});
  return (config) => {
    const { adapter } = config;
    if (typeof adapter === "function") return adapter;
    const axios = copies.get(copy);
    try {
      // As axios does, where an interceptor has given back a request without one.
      return axios?.getAdapter(adapter || axios.defaults.adapter, config);
    } catch {
      // There is none of that name: axios will say so.
      return null;
    }
  };
}

function learn(axios: object | undefined): void {
  const { getAdapter } = (axios ?? {}) as Partial<AxiosStatic>;
  if (typeof getAdapter === "function")
    copies.set(managerClass(axios as AxiosInstance), axios as AxiosStatic);
}

/** An axios of `require`; `undefined` if the application has only another. */
function loaded(): object | undefined {
  try {
    const axios = load("axios") as { default?: object };
    return axios.default ?? axios;
  } catch {
    return undefined;
  }
}

function managerClass(instance: AxiosInstance): object {
  return instance.interceptors.request.constructor;
}

/**
 * @param carry - called instead of the adapter, which it is given, with the request as it goes out
 * @returns `null` and `undefined` as `find` does
 */
export function stand(
  config: InternalAxiosRequestConfig,
  find: FindAdapter,
  carry: (adapter: AxiosAdapter, sent: InternalAxiosRequestConfig) => ReturnType<AxiosAdapter>,
): AdapterStand | null | undefined {
  const adapter = find(config);
  if (!adapter) return adapter;
  const before = Object.getOwnPropertyDescriptor(config, "adapter");
  const leave: AdapterStand["leave"] = (...configs) => {
    for (const at of configs) {
      if (at?.adapter !== ours) continue;
      if (before) Object.defineProperty(at, "adapter", before);
      else delete at.adapter;
    }
  };
  const ours: AxiosAdapter = (sent) => {
    leave(sent, config);
    return carry(adapter, sent);
  };
  config.adapter = ours;
  return { leave: (...configs) => leave(config, ...configs) };
}
