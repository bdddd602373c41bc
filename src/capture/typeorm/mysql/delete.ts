/**
 * DELETE: by RETURNING; or, where rows of other tables go with it, locked and read first.
 *
 * @module
 */
import { FIRST_ROWS } from "../bulk.js";
import { cascadeOfDelete } from "./cascade.js";
import { acts } from "./catalog.js";
import { withHeader } from "./header.js";
import { lockedMatches } from "./keyed.js";
import { imageOf, namesOf, returningList, type Raw } from "./image.js";
import type { DeleteStatement } from "./statement.js";
import { rawRows } from "./wire.js";
import { isRewriteError, type Done, type Work } from "./work.js";

/** Runs a DELETE and tells its rows, and those that the database takes along. */
export async function runDelete(work: Work, statement: DeleteStatement): Promise<Done> {
  const like = work.session.header;
  const { table, session } = work;
  if (session.full) return work.asItIs();
  const cascades = session.settings.keysAct && table.children.some(({ onDelete }) => acts(onDelete));
  const { returning } = statement;
  if (cascades || statement.alias !== null || !session.settings.returning || !like) {
    return returning ? work.asItIs() : locked(work, statement);
  }
  if (returning && !work.takesExtra) return work.asItIs();
  const names = namesOf(table);
  const intro = returning ? "," : "RETURNING";
  const sql = work.splice([
    { after: statement.last, text: `${intro} ${returningList(table, session.settings, returning)}` },
  ]);
  if (sql === null) return work.asItIs();
  if (returning) {
    const answer = await work.runWithExtra(sql);
    if (answer.error) return isRewriteError(answer.error) ? work.asItIs() : { answer, changes: [] };
    return { answer, changes: answer.extra.map((row) => work.deleted(imageOf(table, names, row))) };
  }
  const answer = await work.run(sql, rawRows, work.room);
  if (answer.error) return isRewriteError(answer.error) ? work.asItIs() : { answer, changes: [] };
  const rows = answer.rows as Raw[][];
  const affectedRows = rows.length + answer.dropped;
  const images = rows
    .slice(0, answer.dropped > 0 ? FIRST_ROWS : rows.length)
    .map((row) => imageOf(table, names, row));
  return {
    answer: withHeader(answer, like, { affectedRows, insertId: 0, info: "" }),
    changes:
      answer.dropped > 0
        ? [work.opaque(affectedRows, { verb: "delete", first: images })]
        : images.map((image) => work.deleted(image)),
  };
}

function locked(work: Work, statement: DeleteStatement): Promise<Done> {
  return work.atomically(async () => {
    const before = await lockedMatches(work, statement);
    const cascade = await cascadeOfDelete(work, before);
    const answer = await work.run();
    if (answer.error) return { answer, changes: [] };
    const count = answer.headers.at(-1)?.affectedRows ?? null;
    // Under READ COMMITTED a row may come in between the two: then the rows are not known.
    if (count !== null && count !== before.length) {
      return { answer, changes: count === 0 ? [] : [work.opaque(count, { verb: "delete" })] };
    }
    return { answer, changes: [...before.map((row) => work.deleted(row)), ...cascade] };
  });
}
