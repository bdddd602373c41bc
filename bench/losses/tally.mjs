/**
 * Counts what stands in files of lines: the records of one process, and whatever is no record.
 *
 * @module
 */
import { readFileSync } from "node:fs";

/** How every line of the programs here begins. */
const BEGINNING = '{"timestamp":';

/** @param survivor - the process whose records are counted one by one */
export function createTally(survivor) {
  const seen = new Uint8Array(1 << 24);
  const counts = { seen: 0, doubled: 0, torn: 0, glued: 0, halves: 0, others: 0 };

  function addRecord({ record_id: id }) {
    const [pid, number] = id.split("-").map(Number);
    if (pid !== survivor) counts.others += 1;
    else if (seen[number] === 1) counts.doubled += 1;
    else {
      seen[number] = 1;
      counts.seen += 1;
    }
  }

  /** A line that is no record: glued to another, torn from the survivor, or the half line of a victim. */
  function addBroken(line) {
    if (line.includes(BEGINNING, 1)) counts.glued += 1;
    else if (line.includes(`"${survivor}-`) || !BEGINNING.startsWith(line.slice(0, BEGINNING.length)))
      counts.torn += 1;
    else counts.halves += 1;
  }

  return {
    counts,
    addFile(path) {
      for (const line of readFileSync(path, "utf8").split("\n")) {
        if (line === "") continue;
        const record = parsed(line);
        if (record) addRecord(record);
        else addBroken(line);
      }
    },
    /** How many of the survivor's first `count` records are missing. */
    missing: (count) => count - seen.subarray(0, count).reduce((sum, one) => sum + one, 0),
  };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
