/**
 * The shipping thread: reading, compressing and sending stay off the application's thread.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { clickhouseServer } from "./clickhouse.js";
import type { ShipMail, ShipNews, ShipSettings } from "./protocol.js";
import type { Dropped } from "./room.js";
import { Shipper } from "./shipper.js";

const tell = (news: ShipNews): void => parentPort?.postMessage(news, []);
const settings = workerData as ShipSettings;
const shipper = new Shipper(settings, clickhouseServer(settings.server), tell, isTold);
let answer: ((isTold: boolean) => void) | undefined;
let isStopping = false;

/* Only the application's thread can write a record. From the end of its file on it writes none. */
function isTold(dropped: Dropped): Promise<boolean> {
  if (isStopping) return Promise.resolve(false);
  tell({ kind: "dropped", dropped });
  return new Promise((resolve) => (answer = resolve));
}

shipper.start();
parentPort?.on("message", (mail: ShipMail) => {
  answer?.(mail.kind === "told");
  if (mail.kind === "told") return;
  isStopping = true;
  void shipper.stop(mail.withinMs).finally(() => process.exit());
});
