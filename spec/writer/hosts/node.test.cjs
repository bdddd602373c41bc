const { test } = require("node:test");
const { log, start } = require("./log.cjs");

start();
test("logs", () => log(200));
test("logs last", () => log(50));
