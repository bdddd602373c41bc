/**
 * `@AuditEntity`, `@AuditIgnore` and `@AuditMask`: whose rows are recorded, and how their fields are written.
 *
 * @module
 */
import { checked } from "../check.js";
import { AuditError } from "../errors.js";
import type { AuditEntityOptions } from "./metadata.js";
import { entityOptionsSchema, frozen, united } from "./options.js";
import { announce, marksAt } from "./store.js";
import { misplaced, readPlace } from "./syntax.js";
import type { EntityDecoration, FieldDecoration } from "./types.js";

/**
 * Records every committed change of the rows of an entity: who, what, before and after.
 *
 * Stands on the class, beside TypeORM's `@Entity()`, in any order. A subclass inherits it, and may
 * say more: what either of the two excludes, masks or redacts stays so, and of the rest the subclass's word holds.
 * Fields named here must be the entity's; the compiler checks them when the entity is given as the type argument,
 * and `audit.attach(dataSource)` checks them against the columns.
 *
 * @param options - all optional; see `AuditEntityOptions` for defaults
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`, `AUDIT_OPTION_UNKNOWN`, `AUDIT_OPTION_INVALID`,
 *   `AUDIT_DECORATOR_OPTION`: `include` together with `exclude`
 * @example
 * ```ts
 * @Entity()
 * @AuditEntity<Patient>({ exclude: ["searchVector"], mask: ["phone"], label: (patient) => patient.name })
 * class Patient {
 *   @PrimaryGeneratedColumn() id: number;
 *   @Column() name: string;
 *   @Column() phone: string;
 *   @Column() searchVector: string;
 * }
 * ```
 */
export function AuditEntity<Row extends object>(
  options: AuditEntityOptions<Row> = {},
): EntityDecoration<Row> {
  checked("@AuditEntity", entityOptionsSchema, options);
  if (options.include && options.exclude) {
    throw new AuditError("AUDIT_DECORATOR_OPTION", [
      "@AuditEntity",
      "`include` and `exclude`",
      "one of them",
    ]);
  }
  const said = frozen(options as AuditEntityOptions);
  return (...args: unknown[]) => {
    const marks = marksAt(readPlace("@AuditEntity", args, ["class"]));
    marks.entity = united(said, marks.entity);
    announce(marks);
  };
}

const fieldPlaces = ["field", "accessor", "getter", "setter"] as const;

function fieldDecorator(name: string, mark: "ignore" | "mask"): FieldDecoration {
  return (...args: unknown[]) => {
    const place = readPlace(name, args, fieldPlaces);
    // A row has neither.
    if (place.static || typeof place.name === "symbol") throw misplaced(name, place, fieldPlaces);
    const marks = marksAt(place);
    marks.fields.set(place.name, mark);
    announce(marks);
  };
}

/**
 * Leaves a property out of every record. A change of such properties alone makes no record.
 *
 * For a secret whose change must be seen, use `@AuditEntity({ redact: [ … ] })`: the change is recorded, the value is not.
 *
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`
 * @example
 * ```ts
 * @Entity()
 * @AuditEntity()
 * class Patient {
 *   @PrimaryGeneratedColumn() id: number;
 *   @AuditIgnore() @Column() searchVector: string;
 * }
 * ```
 */
export function AuditIgnore(): FieldDecoration {
  return fieldDecorator("@AuditIgnore", "ignore");
}

/**
 * Writes a property in part: enough to recognise the value, not to know it.
 *
 * @throws {AuditError} `AUDIT_DECORATOR_MISPLACED`
 * @example
 * ```ts
 * @Entity()
 * @AuditEntity()
 * class Patient {
 *   @PrimaryGeneratedColumn() id: number;
 *   @AuditMask() @Column() phone: string; // written as "***199"
 * }
 * ```
 */
export function AuditMask(): FieldDecoration {
  return fieldDecorator("@AuditMask", "mask");
}
