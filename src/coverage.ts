/**
 * What is recorded, and what cannot be seen: for people, and for a check in a test.
 *
 * @module
 */
import type { RowCapture, RowCoverage } from "./capture/typeorm/typeorm.js";
import { decoratedEntities, decoratedServices } from "./decorate/readers.js";

/** What `audit.coverage()` tells. */
export interface AuditCoverage {
  /** Attached DataSources: how their rows are captured, which entities, and what cannot be seen. */
  readonly dataSources: readonly RowCoverage[];
  /** Classes with `@AuditEntity` that are in no attached DataSource: their rows are not recorded. */
  readonly entitiesWithoutTable: readonly string[];
  /** Services with `@ExternalService`, by name. */
  readonly services: readonly string[];
}

export function coverageOf(rows: readonly RowCapture[]): AuditCoverage {
  return {
    dataSources: rows.map((capture) => capture.coverage()),
    entitiesWithoutTable: entitiesWithoutTable(rows).map(({ name }) => name),
    services: decoratedServices().map(({ name }) => name),
  };
}

/** The decorated entities that none of the attached DataSources has. */
export function entitiesWithoutTable(rows: readonly RowCapture[]): Function[] {
  return decoratedEntities().filter((target) => !rows.some((capture) => capture.has(target)));
}
