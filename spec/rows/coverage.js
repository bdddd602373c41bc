"use strict";
Object.defineProperty(exports, "__esModule", { value: true });
exports.writeCoverage = writeCoverage;
/**
 * Writes `docs/row-coverage.json`: one object a database and TypeORM version.
 */
const node_fs_1 = require("node:fs");
const node_path_1 = require("node:path");
const file = (0, node_path_1.join)("docs", "row-coverage.json");
/** Replaces the entry of this database and version; the others stay as they are. */
function writeCoverage(run) {
  const { database, typeorm, verdicts } = run;
  const named = (wanted) => [...verdicts].filter(([, verdict]) => verdict === wanted).map(([name]) => name);
  if (verdicts.size === 0) return;
  const entry = {
    database,
    typeorm,
    operations: verdicts.size,
    exact: named("exact").length,
    statement: named("statement").length,
    unseen: named("unseen").length,
    names_unseen: named("unseen"),
  };
  const others = known().filter((one) => one.database !== database || one.typeorm !== typeorm);
  const all = [...others, entry].toSorted((a, b) =>
    `${a.database} ${a.typeorm}` < `${b.database} ${b.typeorm}` ? -1 : 1,
  );
  (0, node_fs_1.writeFileSync)(file, `${JSON.stringify(all, null, 2)}\n`);
}
function known() {
  try {
    return JSON.parse((0, node_fs_1.readFileSync)(file, "utf8"));
  } catch {
    return [];
  }
}
//# sourceMappingURL=coverage.js.map
