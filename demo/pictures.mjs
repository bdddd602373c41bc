/**
 * Makes the pictures of the README out of the demo's records: `npm run pictures`. Needs Chromium (CHROMIUM, or /usr/bin/chromium).
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const { serveViewer } = createRequire(import.meta.url)("../dist/viewer/serve.js");
const directory = mkdtempSync(join(tmpdir(), "pictures-"));

execFileSync(process.execPath, ["build/demo/main.js", "--directory", directory], { stdio: "ignore" });
const records = ["audit.log", "api.log"].flatMap((file) =>
  readFileSync(join(directory, file), "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line)),
);
const update = records.find(
  ({ event_type, changed_fields }) => event_type === "UPDATE" && changed_fields.ward,
);
const children = (request) => records.filter(({ request_id }) => request_id === request).length;
const longest = records
  .filter(({ request_type }) => request_type === "internal")
  .toSorted((one, other) => children(other.request_id) - children(one.request_id))[0];

const served = await serveViewer({ directory, port: 0 });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
try {
  await picture("viewer-change", `?event=UPDATE&record=${update.record_id}`, ".changes", "light");
  await picture("viewer-request", `?record=${longest.record_id}&tab=story`, ".story li", "dark");
} finally {
  await browser.close();
  await served.close();
  rmSync(directory, { recursive: true });
}

async function picture(name, search, awaited, colorScheme) {
  const page = await browser.newPage({ viewport: { width: 1240, height: 640 }, colorScheme });
  await page.goto(`${served.url}${search}`);
  await page.locator(awaited).first().waitFor();
  await page.locator(".u-over").waitFor();
  await page.screenshot({ path: `docs/pictures/${name}.png` });
  await page.close();
}
