/**
 * What is recorded, and what cannot be seen: for people, and for a check in a test.
 *
 * @module
 */
import type { RowCoverage } from "./capture/typeorm/typeorm.js";
import { decoratedEntities, decoratedServices } from "./decorate/readers.js";
import type { Session } from "./session.js";

/** What `audit.coverage()` tells. */
export interface AuditCoverage {
  /** Attached DataSources: how their rows are captured, which entities, and what cannot be seen. */
  readonly dataSources: readonly RowCoverage[];
  /** Classes with `@AuditEntity` that are in no attached DataSource: their rows are not recorded. */
  readonly entitiesWithoutTable: readonly string[];
  /** Services with `@ExternalService`, by name. */
  readonly services: readonly string[];
}

export function coverageOf(session: Session | undefined): AuditCoverage {
  const rows = session?.rows ?? [];
  const entities = decoratedEntities();
  return {
    dataSources: rows.map((capture) => capture.coverage()),
    entitiesWithoutTable: entities
      .filter((target) => !rows.some((capture) => capture.has(target)))
      .map(({ name }) => name),
    services: decoratedServices().map(({ name }) => name),
  };
}
