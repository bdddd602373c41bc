/**
 * Checks that the fields which decorators name are there.
 *
 * @module
 */
import type { DataSource } from "typeorm";
import { AuditError } from "../../errors.js";
import type { Decorations } from "./entity.js";

const lists = ["exclude", "include", "mask", "redact"] as const;

/** @throws {AuditError} `AUDIT_FIELD_UNKNOWN` */
export function checkFields(dataSource: DataSource, decorations: Decorations): void {
  for (const metadata of dataSource.entityMetadatas) {
    const audit = typeof metadata.target === "function" ? decorations(metadata.target) : undefined;
    if (!audit) continue;
    const known = new Set<string>([
      ...metadata.columns.map((column) => (column.isVirtual ? column.databaseName : column.propertyName)),
      ...metadata.columns.map((column) => column.propertyPath.split(".")[0]!),
      ...metadata.relations.map((relation) => relation.propertyName),
    ]);
    for (const option of lists) {
      const field = audit.options[option]?.find((name) => !known.has(name));
      // A child of an inheritance has the parent's decoration, and the parent may name a child's column.
      if (field === undefined || metadata.parentEntityMetadata) continue;
      throw new AuditError("AUDIT_FIELD_UNKNOWN", [metadata.name, option, field, [...known].join(", ")]);
    }
  }
}
