/**
 * The viewer over a trail of 1,000,000 records, in a real browser: the first view, a filter, a search.
 *
 * `AUDIT_VIEWER_RECORDS` makes the trail smaller. Needs `@duckdb/node-api`, and Chromium (CHROMIUM, or /usr/bin/chromium).
 *
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { writeTrail } from "./read/trail.mjs";

const require = createRequire(import.meta.url);
const { findFiles } = require("../dist/read/files.js");
const { TrailStore } = require("../dist/read/sql/store.js");
const { density, page } = require("../dist/viewer/questions.js");
const { serveViewer } = require("../dist/viewer/serve.js");

const RECORDS = Number(process.env.AUDIT_VIEWER_RECORDS ?? 1_000_000);
/** Stands in one record. */
const SOUGHT = `req-${Math.floor(RECORDS * 0.7)}`;

export async function bench({ rounds, report, progress }) {
  const directory = mkdtempSync(join(tmpdir(), "bench-viewer-"));
  try {
    progress(`writing ${RECORDS} records`);
    const bytes = writeTrail(directory, RECORDS);
    progress(`converting ${Math.round(bytes / 1e6)} MB`);
    const begun = performance.now();
    const store = await TrailStore.open(await findFiles(directory));
    report({
      metric: "convert_once_mb_per_s",
      against: null,
      value: bytes / 1e3 / (performance.now() - begun),
      better: "higher",
    });
    await measure({ directory, store, rounds, report, progress });
    await store.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure({ directory, store, rounds, report, progress }) {
  const served = await serveViewer({ directory, port: 0 });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
  });
  const times = { first: [], filter: [], search: [], firstAsked: [], filterAsked: [], searchAsked: [] };
  try {
    // The server opens the trail with the first request.
    await fetch(`${served.url}api/density`);
    const { count: failures } = await density(store, { outcome: ["failure"] });
    for (let round = 0; round < rounds; round += 1) {
      progress(`round ${round + 1} of ${rounds}`);
      const view = await browser.newPage();
      times.first.push(await timed(() => view.goto(served.url).then(() => settled(view, RECORDS))));
      times.filter.push(
        await timed(() => outcome(view, "failure").then(() => settled(view, failures, "failure"))),
      );
      await outcome(view, "").then(() => settled(view, RECORDS));
      times.search.push(
        await timed(() => view.goto(`${served.url}?text=${SOUGHT}`).then(() => settled(view, 1))),
      );
      await view.close();
      times.firstAsked.push(await timed(() => asked(store, {})));
      times.filterAsked.push(await timed(() => asked(store, { outcome: ["failure"] })));
      times.searchAsked.push(await timed(() => asked(store, { text: SOUGHT })));
    }
  } finally {
    await browser.close();
    await served.close();
  }
  report({ metric: "first_view_ms", against: null, value: median(times.first), target: 2000 });
  report({
    metric: "first_view_ratio",
    against: "duckdb",
    value: median(times.first) / median(times.firstAsked),
  });
  report({ metric: "filter_ms", against: null, value: median(times.filter), target: 500 });
  report({
    metric: "filter_ratio",
    against: "duckdb",
    value: median(times.filter) / median(times.filterAsked),
    target: 1.5,
  });
  report({ metric: "search_ms", against: null, value: median(times.search) });
  report({
    metric: "search_ratio",
    against: "duckdb",
    value: median(times.search) / median(times.searchAsked),
  });
}

/** What the page asks for a view, asked of DuckDB without a server and a page. */
function asked(store, filter) {
  return Promise.all([density(store, filter), page(store, filter, undefined, 200)]);
}

function outcome(view, chosen) {
  return view.getByLabel("Outcome").selectOption(chosen);
}

/** Until the graph counts what was asked for, and each row is one of these. */
async function settled(view, count, needle = "") {
  await view.getByText(new RegExp(`^${count.toLocaleString("en-GB")} records`, "u")).waitFor();
  for (;;) {
    const texts = await view.locator(".row:not(.head)").allInnerTexts();
    if (texts.length > 0 && texts.length <= count && texts.every((text) => text.includes(needle))) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
