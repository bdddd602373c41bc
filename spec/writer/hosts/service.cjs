/** A service behind PM2, which restarts it while it logs. */
const { createServer } = require("node:http");
const { log, start } = require("./log.cjs");

start();
// Of a cluster all have the same, which the system chooses.
createServer((_, response) => response.end()).listen(0);
setInterval(() => log(20), 2);
