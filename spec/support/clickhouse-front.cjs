/**
 * ClickHouse's HTTP interface over chdb, the real engine as a library: `node clickhouse-front.cjs CHDB DATA [PORT]`.
 *
 * No current ClickHouse server can be installed from a package registry, and libchdb has none; so the engine is real, and
 * this front is ours: no users, no queue, one statement at a time. `POST /-/lose-answers?count=N` makes it do what the next
 * N inserts ask, and then cut the connection instead of answering.
 */
const { writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { gunzipSync } = require("node:zlib");

const [chdb, data, port = "0"] = process.argv.slice(2);
const { Session } = require(chdb);
const session = new Session(data, { connectionArgs: [`--config-file=${writeConfig()}`] });
let answersToLose = 0;

const server = createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => answer(request, Buffer.concat(chunks), response));
});
server.keepAliveTimeout = 60_000;
server.listen(Number(port), "127.0.0.1", () => process.send?.({ port: server.address().port }));

/* A cluster of this one server, for Distributed tables. */
function writeConfig() {
  const path = `${data}.config.xml`;
  const replica = "<replica><host>127.0.0.1</host><port>9000</port></replica>";
  writeFileSync(
    path,
    `<clickhouse>
      <tcp_port>9000</tcp_port>
      <macros><cluster>audit</cluster></macros>
      <remote_servers><audit><shard>${replica}</shard></audit></remote_servers>
    </clickhouse>`,
  );
  return path;
}

function answer(request, bytes, response) {
  const { pathname, searchParams } = new URL(request.url, "http://front");
  if (pathname === "/ping") return response.end("Ok.\n");
  if (pathname === "/-/lose-answers") {
    answersToLose = Number(searchParams.get("count"));
    return response.end();
  }
  const body = (request.headers["content-encoding"] === "gzip" ? gunzipSync(bytes) : bytes).toString();
  const query = searchParams.get("query");
  const sql = query === null ? body : `${query}\n${body}`;
  try {
    const database = searchParams.get("database");
    if (database) session.query(`USE \`${database}\``);
    const result = session.query(sql, "TabSeparated");
    if (answersToLose > 0 && /^\s*INSERT/iu.test(sql)) {
      answersToLose -= 1;
      return request.socket.destroy();
    }
    response.setHeader("X-ClickHouse-Summary", "{}");
    response.end(result);
  } catch (error) {
    const code = /Code: (\d+)/u.exec(error.message)?.[1] ?? "1000";
    response.writeHead(500, { "X-ClickHouse-Exception-Code": code });
    response.end(error.message.replace(/^Query failed: /u, ""));
  }
}
