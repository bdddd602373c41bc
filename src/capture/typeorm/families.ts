/**
 * All database families, and which of them serves a DataSource.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import { AuditError } from "../../errors.js";
import type { Family } from "./family.js";
import { mysql } from "./mysql.js";
import { portable } from "./portable.js";
import { postgres } from "./postgres.js";
import { sqlite } from "./sqlite.js";

const families: readonly Family[] = [mysql, postgres, sqlite];

/**
 * The exact way of the driver, or the portable way where there is none or where it is asked for.
 *
 * @throws {AuditError} `AUDIT_DATABASE_UNSUPPORTED`: not an SQL database
 */
export function familyOf(dataSource: DataSource, capture: "auto" | "portable" = "auto"): Family {
  const { type } = dataSource.options;
  if (type === "mongodb") throw new AuditError("AUDIT_DATABASE_UNSUPPORTED", [type]);
  if (capture === "portable") return portable;
  return families.find(({ drivers }) => drivers.includes(type)) ?? portable;
}
