/**
 * Logs to `AUDIT_DIRECTORY` through the installed package, and notes in a file of its own, with a `write` for each,
 * how many calls have returned.
 */
const { randomInt } = require("node:crypto");
const { mkdirSync, openSync, writeSync } = require("node:fs");
const { join } = require("node:path");
const { auditLogging } = require("activity-audit");
const log4js = require("log4js");

const directory = process.env.AUDIT_DIRECTORY;
const toldIn = join(directory, "told");
mkdirSync(toldIn, { recursive: true });
/** Not the process: Jest loads this anew for each test file. */
const by = randomInt(2 ** 40);
const told = openSync(join(toldIn, String(by)), "w");
let next = 0;

exports.start = () => log4js.configure(auditLogging({ directory, console: false }));

exports.log = (count) => {
  const logger = log4js.getLogger("audit.request");
  for (let each = 0; each < count; each += 1) {
    logger.api({ record_id: `${by}-${next}`, schema: 1, by, n: next });
    next += 1;
    writeSync(told, `${next}\n`);
  }
};

exports.by = by;
