/**
 * The shipping thread: reading, compressing and sending stay off the application's thread.
 *
 * @module
 */
import { parentPort, workerData } from "node:worker_threads";
import { clickhouseServer } from "./clickhouse.js";
import type { ShipNews, ShipSettings, StopShipping } from "./protocol.js";
import { Shipper } from "./shipper.js";

const tell = (news: ShipNews): void => parentPort?.postMessage(news, []);
const settings = workerData as ShipSettings;
const shipper = new Shipper(settings, clickhouseServer(settings.server), tell);

shipper.start();
parentPort?.once("message", ({ withinMs }: StopShipping) => {
  void shipper.stop(withinMs).finally(() => process.exit());
});
