/**
 * A server that counts the bytes of uploads, alone in its process so that its memory is its own. `audited` as the
 * first argument puts the capture on it. Tells its parent its port, then, when asked, what it saw.
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { captureServer } from "#dist/capture/http/server";
import { RequestCapture } from "#dist/capture/http/requests";

let records = 0;
let recorded = 0;
let received = 0;
const server = createServer((request, response) => {
  request.on("data", (chunk: Buffer) => (received += chunk.length));
  request.on("end", () => response.end("stored"));
});
if (process.argv[2] === "audited") {
  const capture = new RequestCapture((event) => {
    if (event.kind !== "request") return;
    records += 1;
    recorded += event.requestBody?.bytes ?? 0;
  });
  captureServer(server, capture);
}
server.listen(0, "127.0.0.1", () => process.send!({ port: (server.address() as AddressInfo).port }));
process.on("message", () => {
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.send!({ peakBytes, records, recorded, received }, () => process.exit());
});
