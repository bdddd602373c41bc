/**
 * Reports decorated entities that are in none of the attached DataSources: a forgotten `audit.attach()` shows at the
 * start, not when a record is looked for.
 *
 * @module
 */
import type { Undo } from "./capture/capture.js";
import type { RowCapture } from "./capture/typeorm/typeorm.js";
import { entitiesWithoutTable } from "./coverage.js";
import { guarded } from "./health.js";
import { reportWithoutTable } from "./log/without-table.js";

/** Applications attach their DataSources one after the other: milliseconds after the last of them. */
const DELAY = 5000;

/** Looks once the DataSources are attached and initialised. */
export class WithoutTable {
  readonly #rows: () => readonly RowCapture[];
  readonly #reported = new Set<Function>();
  #timer: NodeJS.Timeout | undefined;

  constructor(rows: () => readonly RowCapture[]) {
    this.#rows = rows;
  }

  /** A DataSource was attached: looks a while later. Keeps no process alive. */
  expect(): void {
    this.stop();
    this.#timer = setTimeout(() => guarded("capture.attach", () => this.#look()), DELAY);
    this.#timer.unref();
  }

  readonly stop: Undo = () => clearTimeout(this.#timer);

  #look(): void {
    const rows = this.#rows();
    if (rows.length === 0) return;
    if (!rows.every((capture) => capture.known())) return this.expect();
    for (const target of entitiesWithoutTable(rows)) {
      if (this.#reported.has(target)) continue;
      this.#reported.add(target);
      reportWithoutTable(target.name);
    }
  }
}
