const { readFileSync } = require("node:fs");
const { join } = require("node:path");
const { by, log, start } = require("./log.cjs");

test("what was logged can be read at once", () => {
  start();
  log(200);
  const lines = readFileSync(join(process.env.AUDIT_DIRECTORY, "api.log"), "utf8").split("\n");
  const own = lines
    .filter(Boolean)
    .map((line) => JSON.parse(line))
    .filter((record) => record.by === by);
  expect(own.length).toBe(200);
});

test("what is logged last is not lost", () => log(50));
