/**
 * All database families, and which of them serves a DataSource.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import { AuditError } from "../../errors.js";
import type { Family } from "./family.js";
import { mysql } from "./mysql.js";
import { postgres } from "./postgres.js";
import { sqlite } from "./sqlite.js";

const families: readonly Family[] = [mysql, postgres, sqlite];

/** @throws {AuditError} `AUDIT_DATABASE_UNSUPPORTED` */
export function familyOf(dataSource: DataSource): Family {
  const { type } = dataSource.options;
  const family = families.find(({ drivers }) => drivers.includes(type));
  if (family) return family;
  throw new AuditError("AUDIT_DATABASE_UNSUPPORTED", [
    type,
    families.flatMap((one) => one.drivers).join(", "),
  ]);
}
