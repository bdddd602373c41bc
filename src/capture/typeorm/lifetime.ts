/**
 * Tells when a DataSource is initialised and when it is about to be destroyed.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import type { Undo } from "../capture.js";
import { replaceMethod } from "../patch.js";

/** Neither may throw. */
export interface Lifetime {
  initialized(): void;
  destroying(): void;
}

/** Watches this one DataSource; its class is left alone. */
export function watchLifetime(dataSource: DataSource, { initialized, destroying }: Lifetime): Undo {
  const undoInitialize = replaceMethod(
    dataSource,
    "initialize",
    (original) =>
      async function initialize() {
        const result = await original.call(dataSource);
        initialized();
        return result;
      },
  );
  const undoDestroy = replaceMethod(
    dataSource,
    "destroy",
    (original) =>
      function destroy() {
        destroying();
        return original.call(dataSource);
      },
  );
  return () => {
    undoInitialize();
    undoDestroy();
  };
}
