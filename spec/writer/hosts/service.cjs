/** A service behind PM2, which restarts it while it logs. */
const { createServer } = require("node:http");
const { log, start } = require("./log.cjs");

start();
createServer((_, response) => response.end()).listen(Number(process.env.PORT));
setInterval(() => log(20), 2);
