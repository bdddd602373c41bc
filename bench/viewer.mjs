/**
 * The viewer over a trail of 1,000,000 records, in a real browser: the first view, a filter, a search.
 *
 * `AUDIT_VIEWER_RECORDS` makes the trail smaller. Needs `@duckdb/node-api`, and Chromium (CHROMIUM, or /usr/bin/chromium).
 *
 * @module
 */
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const require = createRequire(import.meta.url);
const { findFiles } = require("../dist/read/files.js");
const { TrailStore } = require("../dist/read/sql/store.js");
const { density, page } = require("../dist/viewer/questions.js");
const { serveViewer } = require("../dist/viewer/serve.js");

const RECORDS = Number(process.env.AUDIT_VIEWER_RECORDS ?? 1_000_000);
/** As the appender rotates. */
const FILE_BYTES = 100_000_000;

export async function bench({ rounds, report, progress }) {
  const directory = mkdtempSync(join(tmpdir(), "bench-viewer-"));
  try {
    progress(`writing ${RECORDS} records`);
    const bytes = writeTrail(directory);
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
    for (let round = 0; round < rounds; round += 1) {
      progress(`round ${round + 1} of ${rounds}`);
      const view = await browser.newPage();
      times.first.push(await timed(() => view.goto(served.url).then(() => settled(view, ""))));
      times.filter.push(
        await timed(() =>
          view
            .getByLabel("Outcome")
            .selectOption("failure")
            .then(() => settled(view, "failure")),
        ),
      );
      await view.getByLabel("Outcome").selectOption("");
      await settled(view, "");
      times.search.push(
        await timed(() =>
          view.goto(`${served.url}?text=patient%20777777`).then(() => settled(view, "777777")),
        ),
      );
      await view.close();
      times.firstAsked.push(await timed(() => asked(store, {})));
      times.filterAsked.push(await timed(() => asked(store, { outcome: ["failure"] })));
      times.searchAsked.push(await timed(() => asked(store, { text: "patient 777777" })));
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

/** Until the rows and the graph are those of the filter. */
async function settled(view, needle) {
  const rows = view.locator(".row:not(.head)");
  for (;;) {
    const texts = await rows.allInnerTexts().catch(() => []);
    const isCounted = /^[\d,]+ records/u.test(
      await view
        .locator(".counts")
        .innerText()
        .catch(() => ""),
    );
    if (isCounted && texts.length > 0 && texts.every((text) => text.includes(needle))) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** Requests and row changes of a year, in files as the appender leaves them. */
function writeTrail(directory) {
  const begin = Date.UTC(2026, 0, 1);
  const step = (365 * 86_400_000) / RECORDS;
  let file;
  let inFile = 0;
  let lines = [];
  const flush = () => {
    inFile += writeSync(file, lines.join(""));
    lines = [];
  };
  for (let index = 0; index < RECORDS; index += 1) {
    const at = new Date(begin + index * step);
    if (file === undefined || inFile > FILE_BYTES) {
      if (file !== undefined) closeSync(file);
      const stamp = at.toISOString().replace(/[-:]/gu, "");
      file = openSync(
        join(directory, `audit-${stamp}-${(index >>> 0).toString(16).padStart(8, "0")}.log`),
        "a",
      );
      inFile = 0;
    }
    lines.push(`${JSON.stringify(recordOf(index, at))}\n`);
    if (lines.length === 5000) flush();
  }
  flush();
  closeSync(file);
  return sizeOf(directory);
}

function sizeOf(directory) {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function recordOf(index, at) {
  const base = {
    timestamp: at.toISOString().replace("T", " ").replace("Z", ""),
    level: index % 2 ? "AUDIT" : "API",
    name: index % 2 ? "audit.crud" : "audit.request",
    message: index % 2 ? `UPDATE event for Patient (id: ${index})` : "Audit Internal Request",
    service_name: `service-${index % 5}`,
    user: { id: `user-${(index * 7919) % 997}`, email: `user-${index % 997}@clinic.test` },
    record_id: `01a20d8b-0000-7000-8000-${String(index).padStart(12, "0")}`,
    schema: 1,
    request_id: `01a20d8b-1111-7000-8000-${String(index >> 1).padStart(12, "0")}`,
    parent_id: null,
    trace_id: null,
    span_id: null,
    outcome: index % 50 ? "success" : "failure",
    extra: {},
  };
  return index % 2 ? rowFields(base, index) : requestFields(base, index);
}

function rowFields(base, index) {
  return {
    ...base,
    model: `Model${index % 23}`,
    table: "patient",
    event_type: ["CREATE", "UPDATE", "DELETE"][index % 3],
    instance_id: String(index),
    instance_label: `patient ${index}`,
    instance_repr: { id: index, name: `patient ${index}`, ward: "west", note: "n".repeat(120) },
    changed_fields: { ward: { from: "intake", to: "west" } },
    transaction_id: `t-${index}`,
  };
}

function requestFields(base, index) {
  return {
    ...base,
    request_type: "internal",
    protocol: "https",
    request_repr: {
      method: "GET",
      path: `/patients/${index}`,
      query_params: {},
      headers: { host: "clinic.test" },
      user: null,
      body: null,
    },
    response_repr: { status_code: index % 50 ? 200 : 502, headers: {}, body: { name: "b".repeat(150) } },
    error_message: null,
    execution_time: ((index * 7919) % 1000) / 1000,
    route: `/route-${index % 31}/:id`,
    handler: null,
  };
}

function median(values) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)];
}
