/**
 * One caller in a process of its own: `caller.mjs axios audit 8080 /tmp/x`.
 *
 * In a process of its own, since AsyncLocalStorage, once used, costs every promise of the process on Node 20 and 22.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const [client, variant, port, directory] = process.argv.slice(2);
const url = `http://127.0.0.1:${port}/api/orders?src=web`;
const CONNECTIONS = 8;

const order = {
  customer: { id: 4711, name: "Zoë Example" },
  items: [
    { sku: "A-100", quantity: 2, price: 19.99 },
    { sku: "B-200", quantity: 1, price: 249.5 },
  ],
  note: "leave at the door, please",
  express: true,
};
const headers = {
  "content-type": "application/json",
  authorization: "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0NzExIn0.c2lnbmF0dXJl",
};

const http = require("node:http");
const agent = new http.Agent({ keepAlive: true });
let instance;

const clients = {
  axios() {
    instance = require("axios").create({ httpAgent: agent, headers });
    return () => instance.post(url, order);
  },
  fetch() {
    return () =>
      fetch(url, { method: "POST", headers, body: JSON.stringify(order) }).then((answer) => answer.json());
  },
  http() {
    return () =>
      new Promise((resolve, reject) => {
        const request = http.request(url, { method: "POST", headers, agent }, (response) => {
          let text = "";
          response.setEncoding("utf8");
          response.on("data", (chunk) => (text += chunk));
          response.on("end", () => resolve(JSON.parse(text)));
        });
        request.on("error", reject);
        request.end(JSON.stringify(order));
      });
  },
};

const call = clients[client]();

/** What stands round a burst. */
const around = {
  none: () => (work) => work(),
  /** The price of AsyncLocalStorage alone. */
  context() {
    const { AsyncLocalStorage } = require("node:async_hooks");
    const storage = new AsyncLocalStorage();
    return (work) => storage.run({}, work);
  },
  /** Ours up to the event; no record. */
  capture() {
    const { runAs } = require("../../dist/context/run.js");
    const tools = {
      snapshot: require("../../dist/record/snapshot.js").snapshot,
      newRecordId: require("../../dist/ids.js").newRecordId,
    };
    if (client === "axios") {
      const { captureAxios } = require("../../dist/capture/axios/axios.js");
      captureAxios(instance, () => {}, { ...tools, service: "orders", detail: "full" });
    } else {
      const { captureOutbound } = require("../../dist/capture/outbound/outbound.js");
      const options = { fetch: client === "fetch", http: client === "http", services: {}, bodyLimit: 65_536 };
      captureOutbound(() => {}, options, { ...tools, detailOf: () => "full" });
    }
    return (work) => runAs({ actor: { id: 4711, role: "clerk" } }, work);
  },
  audit() {
    const { audit, auditLogging } = require("../../dist/index.js");
    require("log4js").configure(auditLogging({ directory, serviceName: "bench", console: false }));
    audit.start({ serviceName: "bench", outbound: client !== "axios" });
    if (client === "axios") audit.attach(instance, { service: "orders" });
    return (work) => audit.run({ actor: { id: 4711, role: "clerk" } }, work);
  },
}[variant]();

/** The time that this thread alone was on a CPU, in nanoseconds. */
function threadCpu() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]);
}

async function burst(calls) {
  let left = calls;
  const drive = async () => {
    while (left-- > 0) await call();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, drive));
}

process.on("message", async (calls) => {
  const [cpu, began] = [threadCpu(), performance.now()];
  await around(() => burst(calls));
  process.send({ cpu: threadCpu() - cpu, seconds: (performance.now() - began) / 1000 });
});
process.send({});
