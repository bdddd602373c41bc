/**
 * The state of a sealed trail in the viewer: as it was written, and after somebody has changed a line.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { audit, auditLogging } from "activity-audit";
import { serveViewer, type Served } from "#dist/viewer/serve";
import log4js from "log4js";
import type { Browser } from "playwright-core";
import { openPage, startBrowser, withoutBrowser } from "../support/browser.js";

describe("integrity in the viewer", { skip: withoutBrowser, timeout: 300_000 }, () => {
  let directory: string;
  let served: Served;
  let browser: Browser;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "integrity-"));
    log4js.configure(auditLogging({ directory, console: false, seal: true }));
    audit.start({ serviceName: "sealed" });
    for (let number = 0; number < 50; number += 1) audit.record({ action: "count", extra: { number } });
    await audit.stop();
    await new Promise((resolve) => log4js.shutdown(resolve));
    served = await serveViewer({ directory, port: 0 });
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await served?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it("says that the trail stands as it was written, and where it does not", async () => {
    const { page, faults } = await openPage(browser);
    await page.goto(`${served.url}?view=summary`);
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("Intact: the trail stands as it was written.").waitFor();

    const file = join(directory, "audit.log");
    const lines = readFileSync(file, "utf8").split("\n");
    const index = lines.findIndex((line) => line.includes('"number":17'));
    lines[index] = lines[index]!.replace('"number":17', '"number":71');
    writeFileSync(file, lines.join("\n"));
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByText("Tampered with.").waitFor();
    const finding = await page.locator("section[aria-label=Integrity] li").first().innerText();
    assert.match(finding, /^edited /u);
    assert.ok(finding.includes(`audit.log:${index + 1}`), finding);
    assert.deepEqual(faults, []);
  });
});
