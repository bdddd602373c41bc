/**
 * What the options of a DataSource tell of its entities before it is initialised.
 *
 * @module
 */
import type { DataSource, EntitySchema } from "typeorm";
import type { Decorations } from "./entity.js";

/** False where it is sure that none is audited. Those that are named by a path are not known yet, so they may be. */
export function mayHaveAudited({ options }: DataSource, decorations: Decorations): boolean {
  return Object.values(options.entities ?? []).some((entity: Function | string | EntitySchema) => {
    if (typeof entity === "string") return true;
    const target = typeof entity === "function" ? entity : entity.options.target;
    return typeof target === "function" && decorations(target) !== undefined;
  });
}
