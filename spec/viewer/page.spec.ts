/**
 * The viewer's page in a real browser, over the files of the demo: what it shows against what the files say.
 *
 * @module
 */
import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { driveClinic } from "#demo/script";
import { startWorld } from "#demo/world";
import { serveViewer, type Served } from "#dist/viewer/serve";
import type { Browser, Page, Route } from "playwright-core";
import { makeRecords, writeTrail } from "../read/trail.js";
import { openPage, startBrowser, type Watched, withoutBrowser } from "../support/browser.js";
import { until } from "../support/until.js";

const AXE = readFileSync(createRequire(join(process.cwd(), "x.js")).resolve("axe-core/axe.min.js"), "utf8");
const PICTURES = join(process.cwd(), "build", "screenshots");

type Made = Record<string, any>;

describe("the viewer's page", { skip: withoutBrowser, timeout: 600_000 }, () => {
  let directory: string;
  let served: Served;
  let browser: Browser;
  let watched: Watched;
  let page: Page;
  let records: Made[];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "viewer-"));
    const world = await startWorld({ directory });
    await driveClinic(world.url, () => {});
    await world.close();
    records = ["audit.log", "api.log", "login.log", "app.log"].flatMap((file) =>
      readFileSync(join(directory, file), "utf8")
        .split("\n")
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Made),
    );
    served = await serveViewer({ directory, port: 0 });
    browser = await startBrowser();
    mkdirSync(PICTURES, { recursive: true });
  });
  after(async () => {
    await browser?.close();
    await served?.close();
    await rm(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    await page?.close();
    watched = await openPage(browser);
    page = watched.page;
  });

  it("shows how many records there are, and the newest first", async () => {
    await open();
    await page.getByText(new RegExp(`^${records.length} records, `, "u")).waitFor();
    const newest = records
      .map(({ timestamp }) => timestamp as string)
      .toSorted()
      .toReversed();
    const shown = await page.locator(".row:not(.head) .time").allInnerTexts();
    assert.ok(shown.length > 10);
    assert.deepEqual(shown, newest.slice(0, shown.length));
    await page.screenshot({ path: join(PICTURES, "records.png") });
    assert.deepEqual(watched.faults, []);
  });

  it("keeps what is chosen in the address", async () => {
    await open();
    await page.getByLabel("Event").selectOption("UPDATE");
    const updates = records.filter(({ event_type }) => event_type === "UPDATE");
    await rows("===", updates.length);
    assert.equal(new URL(page.url()).search, "?event=UPDATE");
    await page.reload();
    await rows("===", updates.length);
    await page.getByRole("button", { name: /^event: UPDATE/u }).click();
    await rows(">", updates.length);
    await page.goBack();
    await rows("===", updates.length);
  });

  it("finds a text in any value", async () => {
    await open();
    await page.keyboard.press("/");
    await page.keyboard.type("unobtainium");
    const holding = records.filter((record) => JSON.stringify(record).includes("unobtainium"));
    assert.ok(holding.length > 0);
    await rows("===", holding.length);
  });

  it("shows before and after, the request's story, and the row's history", async () => {
    const update = records.find(
      ({ event_type, changed_fields }) => event_type === "UPDATE" && changed_fields.ward,
    )!;
    await open(`?record=${update.record_id}`);
    await page.locator(".changes").waitFor();
    const cells = await page.locator(".changes tbody tr").first().locator("th, td").allInnerTexts();
    assert.deepEqual(cells, ["ward", update.changed_fields.ward.from, update.changed_fields.ward.to]);
    await page.screenshot({ path: join(PICTURES, "record.png") });

    await page.getByRole("tab", { name: "Request" }).click();
    await page.locator(".story li").first().waitFor();
    const story = records.filter(({ request_id }) => request_id === update.request_id);
    assert.equal(await page.locator(".story li").count(), story.length);
    assert.match(await page.locator(".story li").first().innerText(), /^POST \/wards\/moves/u);
    await page.screenshot({ path: join(PICTURES, "request.png") });

    await page.getByRole("tab", { name: "History" }).click();
    await page.locator(".versions li").first().waitFor();
    // A record of many rows names them in `instance_ids`.
    const versions = records.filter(
      ({ model, instance_id, instance_ids }) =>
        model === update.model && [instance_id, ...(instance_ids ?? [])].includes(update.instance_id),
    );
    assert.equal(await page.locator(".versions li").count(), versions.length);
    await page.screenshot({ path: join(PICTURES, "history.png") });
    assert.deepEqual(watched.faults, []);
  });

  it("sums up routes, services and people", async () => {
    await open("?view=summary");
    await page.locator(".numbers td").first().waitFor();
    const routes = page.locator("table", { hasText: "Requests by route" }).locator("tbody tr");
    const row = routes.filter({ hasText: "POST /patients" }).first();
    const expected = records.filter(
      (record) =>
        record.request_type === "internal" &&
        record.route === "/patients" &&
        record.request_repr.method === "POST",
    );
    assert.equal(await row.locator("td").first().innerText(), String(expected.length));
    await page.keyboard.press("t");
    await page.screenshot({ path: join(PICTURES, "summary-dark.png") });
  });

  it("works by keyboard alone", async () => {
    await open();
    await page.getByRole("grid").focus();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.locator(".detail h2").waitFor();
    const third = records.toSorted(newestFirst)[2]!;
    assert.equal(new URL(page.url()).searchParams.get("record"), third.record_id);
    await page.keyboard.press("Escape");
    await page.locator(".detail").waitFor({ state: "detached" });
  });

  it("shows a new record without being asked", async () => {
    await open("?name=audit.login");
    const logins = records.filter(({ name }) => name === "audit.login");
    await rows("===", logins.length);
    const fresh = {
      ...logins[0]!,
      record_id: "01a20d8b-ffff-7fff-8fff-ffffffffffff",
      timestamp: "2099-01-01 00:00:00.000",
    };
    appendFileSync(join(directory, "login.log"), `${JSON.stringify(fresh)}\n`);
    await page.locator(".row:not(.head)", { hasText: "2099-01-01" }).waitFor();
    records.push(fresh);
  });

  it("shows hostile values as the texts that they are", async () => {
    const evil = `<img src=x onerror="alert(1)"><script>alert(2)</script>javascript:alert(3)\u001b[31m\u202e`;
    const hostile: Made = {
      ...records.find(({ event_type }) => event_type === "UPDATE")!,
      record_id: "01a20d8b-eeee-7eee-8eee-eeeeeeeeeeee",
      timestamp: "2098-01-01 00:00:00.000",
      model: evil,
      instance_id: evil,
      instance_label: evil,
      service_name: evil,
      user: { id: evil, name: evil },
      changed_fields: { [evil]: { from: evil, to: { __proto__: evil, [evil]: [evil] } } },
      extra: JSON.parse(`{"__proto__": ${JSON.stringify(evil)}, "constructor": ${JSON.stringify(evil)}}`),
    };
    appendFileSync(join(directory, "audit.log"), `${JSON.stringify(hostile)}\n`);
    records.push(hostile);
    await until(async () => (await fetch(`${served.url}api/record?id=${hostile.record_id}`)).ok);
    await open(`?record=${hostile.record_id}&tab=history`);
    await page.locator(".versions li").first().waitFor();
    await page.getByRole("tab", { name: "Record" }).click();
    await page.locator(".changes").waitFor();
    assert.equal(await page.locator(".changes tbody th").innerText(), evil);
    assert.equal(await page.locator(".detail img, .detail script, .records img").count(), 0);
    assert.ok((await page.getByRole("grid").innerText()).includes("<img src=x"));
    assert.deepEqual(watched.faults, []);
  });

  it("has the rows of what was chosen last, whatever is scrolled while they are awaited", async () => {
    const long = await mkdtemp(join(tmpdir(), "viewer-"));
    const made = makeRecords(2500, 75);
    writeTrail(long, made, 0);
    const other = await serveViewer({ directory: long, port: 0 });
    try {
      let held: Route[] | undefined;
      await page.route("**/api/records?*", (route) => void (held ? held.push(route) : route.continue()));
      await page.goto(other.url);
      await page.locator("#row-10").waitFor();
      const waiting = (held = []) as Route[];
      await page.getByLabel("Outcome").selectOption("success");
      await page.getByLabel("Outcome").selectOption("failure");
      await until(() => waiting.length === 2);
      await page.locator(".scroll").evaluate((scroller) => scroller.scrollTo(0, scroller.scrollHeight));
      await page.waitForTimeout(300);
      held = undefined;
      for (const route of waiting.slice(1)) {
        const answered = page.waitForResponse(route.request().url());
        await route.continue();
        await answered;
      }
      const failures = made.filter(({ outcome }) => outcome === "failure").toSorted(newestFirst);
      assert.ok(failures.length > 220);
      const shown = page.locator("#row-200 .time");
      await page.locator(".scroll").evaluate((scroller) => scroller.scrollTo(0, 195 * 30));
      await shown.waitFor();
      assert.equal(await shown.innerText(), failures[200]!["timestamp"]);
    } finally {
      await other.close();
      await rm(long, { recursive: true });
    }
  });

  for (const colours of ["light", "dark"] as const) {
    it(`has nothing serious against it from axe, in ${colours} colours`, async () => {
      await page.close();
      watched = await openPage(browser, colours);
      page = watched.page;
      const update = records.find(({ event_type }) => event_type === "UPDATE")!;
      for (const search of [
        "",
        "?view=summary",
        `?record=${update.record_id}`,
        `?record=${update.record_id}&tab=story`,
      ]) {
        await open(search);
        await page.evaluate(AXE);
        const { violations } = (await page.evaluate("axe.run()")) as { violations: Made[] };
        const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
        assert.deepEqual(
          serious.map(({ id, nodes }) => `${id}: ${nodes[0].html}`),
          [],
          search,
        );
      }
    });
  }

  /** Asked from here: the page's own policy lets nobody evaluate a text in it. */
  async function rows(relation: "===" | ">", count: number): Promise<void> {
    for (;;) {
      const shown = await page.locator(".row:not(.head)").count();
      if (relation === "===" ? shown === count : shown > count) return;
      await page.waitForTimeout(50);
    }
  }

  async function open(search = ""): Promise<void> {
    await page.goto(`${served.url}${search}`);
    await page
      .locator(search.includes("view=summary") ? ".numbers td" : ".row:not(.head)")
      .first()
      .waitFor();
    if (search.includes("record=")) await page.locator(".panel").waitFor();
  }
});

function newestFirst(one: Made, other: Made): number {
  const [a, b] = [`${one.timestamp} ${one.record_id}`, `${other.timestamp} ${other.record_id}`];
  return a < b ? 1 : -1;
}
