/**
 * The viewer as a handler: who may look, what is recorded of it, and that its answers are those of the files.
 *
 * @module
 */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { audit, auditLogging, type Viewer } from "activity-audit";
import { serveViewer, type Served } from "#dist/viewer/serve";
import { createViewer } from "#dist/viewer/viewer";
import express from "express";
import log4js from "log4js";
import { until } from "../support/until.js";

type Made = Record<string, any>;
const COUNT = 2500;
const ROUTES = ["/patients/:id", "/visits", "/claims"];
const OUTCOMES = ["success", "success", "failure", "denied"];

describe("the viewer's answers", () => {
  let directory: string;
  let served: Served;
  let records: Made[];

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "viewer-"));
    records = Array.from({ length: COUNT }, (_, index) => requestRecord(index));
    const lines = records.map((record) => JSON.stringify(record));
    // A line that is no record, as a killed process leaves it, must not be counted or shown.
    writeFileSync(join(directory, "api.log"), `${lines.join("\n")}\n{"timestamp":"2026-11-24 08:0\n`);
    served = await serveViewer({ directory, port: 0 });
  });
  after(async () => {
    await served?.close();
    await rm(directory, { recursive: true, force: true });
  });

  it("count each record once, as it ended", async () => {
    const density = await ask("density");
    assert.equal(density.count, COUNT);
    assert.equal(density.not_ok, records.filter(({ outcome }) => outcome !== "success").length);
    const sum = (field: string): number =>
      density.bars.reduce((all: number, bar: Made) => all + bar[field], 0);
    assert.equal(sum("count"), COUNT);
    assert.equal(sum("failed"), records.filter(({ outcome }) => outcome === "failure").length);
    assert.equal(sum("other"), records.filter(({ outcome }) => outcome === "denied").length);
    assert.ok(density.bars.length > 50 && density.bars.length <= 130, `${density.bars.length} bars`);
  });

  it("give page after page, newest first, each record once", async () => {
    const shown: string[] = [];
    for (let next = ""; ;) {
      const found: Made[] = await ask(`records?limit=200${next}`);
      shown.push(...found.map(({ record_id }) => record_id));
      const last = found.at(-1);
      if (!last) break;
      next = `&before=${encodeURIComponent(last.timestamp)}&before_id=${last.record_id}`;
    }
    const expected = records.toSorted((one, other) => (keyOf(one) < keyOf(other) ? 1 : -1));
    assert.deepEqual(
      shown,
      expected.map(({ record_id }) => record_id),
    );
  });

  it("have the percentiles of each route", async () => {
    const rows: Made[] = await ask("latency?outcome=success");
    const expected = ROUTES.map((route) => {
      const times = records
        .filter((record) => record.route === route && record.outcome === "success")
        .map(({ execution_time }) => execution_time as number)
        .toSorted((one, other) => one - other);
      return {
        place: route,
        count: times.length,
        p50: quantile(times, 0.5),
        p95: quantile(times, 0.95),
        p99: quantile(times, 0.99),
      };
    });
    const shown = ROUTES.map((route) => {
      const { place, count, p50, p95, p99 } = rows.find((row) => row.place === route)!;
      return { place, count, p50: round(p50), p95: round(p95), p99: round(p99) };
    });
    assert.deepEqual(
      shown,
      expected.map((row) => ({ ...row, p50: round(row.p50), p95: round(row.p95), p99: round(row.p99) })),
    );
  });

  it("have who did most", async () => {
    const rows: Made[] = await ask("actors");
    for (const { user_id, count, not_ok } of rows) {
      const own = records.filter(({ user }) => user.id === Number(user_id));
      assert.deepEqual(
        { count, not_ok },
        { count: own.length, not_ok: own.filter(({ outcome }) => outcome !== "success").length },
      );
    }
    assert.equal(
      rows.reduce((sum, { count }) => sum + count, 0),
      COUNT,
    );
  });

  it("give a record's line as it stands in the file", async () => {
    const { line } = await ask(`record?id=${records[7]!.record_id}`);
    assert.equal(line, JSON.stringify(records[7]));
  });

  it("say what is wrong with a question", async () => {
    const wrong = await fetch(new URL("api/density?status=many", served.url));
    assert.equal(wrong.status, 400);
    assert.equal(((await wrong.json()) as Made).code, "AUDIT_FILTER_INVALID");
    const missing = await fetch(new URL("api/record?id=none", served.url));
    assert.equal(missing.status, 404);
    const posted = await fetch(new URL("api/density", served.url), { method: "POST" });
    assert.equal(posted.status, 405);
  });

  it("are for this machine alone, whatever name leads here", async () => {
    const status = await new Promise((resolve, reject) => {
      const { port } = new URL(served.url);
      const options = { port, host: "127.0.0.1", path: "/api/density", headers: { host: "evil.example" } };
      httpRequest(options, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    assert.equal(status, 403);
  });

  it("need a token at any other address", async () => {
    const open = await serveViewer({ directory, port: 0, host: "0.0.0.0" });
    try {
      const url = new URL(open.url);
      const token = url.searchParams.get("token")!;
      assert.ok(token.length >= 32);
      assert.equal((await fetch(new URL("/", url))).status, 403);
      assert.equal((await fetch(new URL("/?token=wrong", url))).status, 403);
      const entered = await fetch(url, { redirect: "manual" });
      assert.equal(entered.status, 303);
      assert.equal(entered.headers.get("location"), "./");
      const cookie = entered.headers.get("set-cookie")!;
      assert.match(cookie, /HttpOnly; SameSite=Strict/u);
      const inside = await fetch(new URL("/api/density", url), {
        headers: { cookie: cookie.split(";")[0]! },
      });
      assert.equal(inside.status, 200);
    } finally {
      await open.close();
    }
  });

  it("have the newest records of a row that has many", async () => {
    const folder = await mkdtemp(join(tmpdir(), "viewer-"));
    const rows = Array.from({ length: 5003 }, (_, index) => ({
      timestamp: `2026-11-24 08:00:0${(index / 1000).toFixed(3)}`,
      name: "audit.crud",
      record_id: String(index).padStart(5, "0"),
      model: "Counter",
      event_type: "UPDATE",
      instance_id: "1",
    }));
    writeFileSync(join(folder, "audit.log"), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const counted = await serveViewer({ directory: folder, port: 0 });
    try {
      const answer = await fetch(new URL("api/history?model=Counter&id=1", counted.url));
      assert.deepEqual(await answer.json(), rows.slice(3));
    } finally {
      await counted.close();
      await rm(folder, { recursive: true });
    }
  });

  it("stand against addresses that are none", async () => {
    const open = await serveViewer({ directory, port: 0, host: "0.0.0.0" });
    try {
      for (const of of [served, open]) {
        for (const path of ["//", "//[", "*", "http://[", "/api/%", "/../../etc/passwd"])
          assert.equal(await statusOf(of, path), 404, path);
        assert.equal(await statusOf(of, "/"), 200);
      }
    } finally {
      await open.close();
    }
  });

  it("say of each question that there is no trail", async () => {
    const empty = await mkdtemp(join(tmpdir(), "viewer-"));
    const viewer = createViewer({ directory: empty, authorize: () => true });
    const server = createServer(viewer).listen(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      for (const path of ["records", "integrity"]) {
        const response = await fetch(`http://127.0.0.1:${port}/api/${path}`);
        assert.deepEqual(
          [path, response.status, ((await response.json()) as Made).code],
          [path, 404, "AUDIT_TRAIL_MISSING"],
        );
      }
    } finally {
      await viewer.close();
      server.close();
      await rm(empty, { recursive: true });
    }
  });

  it("forget whoever is gone before it is known whether they may look", async () => {
    const kinds: string[] = [];
    let letIn: (() => void) | undefined;
    const authorize = () => new Promise<boolean>((resolve) => (letIn = () => resolve(true)));
    const viewer = createViewer({ directory, authorize }, (_request, kind) => kinds.push(kind));
    const server = createServer(viewer).listen(0, "127.0.0.1");
    try {
      await once(server, "listening");
      const { port } = server.address() as AddressInfo;
      const asked = httpRequest({ port, host: "127.0.0.1", path: "/api/changes" }).on("error", () => {});
      asked.end();
      const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
      asked.destroy();
      await once(response, "close");
      letIn!();
      await new Promise(setImmediate);
      assert.deepEqual(kinds, []);
    } finally {
      server.close();
      await viewer.close();
    }
  });

  it("take any text as a token, and one trail's beside another's", async () => {
    const tokens = ["пароль; a=b", "a&b#c%d+e"];
    const opened = await Promise.all(tokens.map((token) => serveViewer({ directory, port: 0, token })));
    try {
      const cookies = await Promise.all(
        opened.map(async ({ url }) => {
          const { status, headers } = await fetch(url, { redirect: "manual" });
          assert.equal(status, 303);
          return headers.get("set-cookie")!.split(";")[0]!;
        }),
      );
      for (const { url } of opened) {
        const headers = { cookie: cookies.join("; ") };
        assert.equal((await fetch(new URL("/api/density", url), { headers })).status, 200);
        assert.equal((await fetch(new URL("/api/density", url))).status, 403);
      }
    } finally {
      for (const { close } of opened) await close();
    }
  });

  async function ask(path: string): Promise<any> {
    const response = await fetch(new URL(`api/${path}`, served.url));
    assert.equal(response.status, 200, path);
    return response.json();
  }
});

describe("audit.viewer()", () => {
  let directory: string;
  let server: Server;
  let viewer: Viewer;
  let url: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "viewer-"));
    log4js.configure(auditLogging({ directory, console: false, api: { durability: "os" } }));
    audit.start({ serviceName: "embedded", actor: (req) => ({ id: req.headers["x-user"] }) });
    viewer = audit.viewer({
      directory,
      authorize: (req) => {
        if (req.headers["x-user"] === "broken") throw new Error("no");
        return req.headers["x-user"] === "auditor";
      },
    });
    const app = express();
    app.use(audit.express());
    app.use("/audit", viewer);
    server = createServer(app).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
  });

  after(async () => {
    await viewer.close();
    server.closeAllConnections();
    server.close();
    await audit.stop();
    await new Promise((resolve) => log4js.shutdown(resolve));
    await rm(directory, { recursive: true, force: true });
  });

  const as = (user: string, path: string): Promise<Response> =>
    fetch(`${url}${path}`, { headers: { "x-user": user }, redirect: "manual" });

  it("shows nothing to whoever may not look", async () => {
    for (const user of ["nurse", "broken"]) {
      const response = await as(user, "/audit/api/records");
      assert.equal(response.status, 403);
      assert.deepEqual(await response.json(), { error: "Not allowed." });
    }
  });

  it("asks for who may look, at start", () => {
    assert.throws(() => audit.viewer({ directory } as never), {
      code: "AUDIT_OPTION_INVALID",
      message: /authorize/u,
    });
  });

  it("stands wherever it is mounted", async () => {
    const redirected = await as("auditor", "/audit?name=audit.login");
    assert.equal(redirected.status, 308);
    assert.equal(redirected.headers.get("location"), "./audit/?name=audit.login");
    const page = await as("auditor", "/audit/");
    assert.equal(page.status, 200);
    assert.match(page.headers.get("content-security-policy")!, /default-src 'none'; script-src 'self'/u);
    assert.match(await page.text(), /<script src="page\.js" defer>/u);
    assert.equal((await as("auditor", "/audit/page.js")).status, 200);
    assert.equal((await as("auditor", "/audit/other")).status, 404);
  });

  it("is recorded where somebody looks at records, and not where a page keeps itself up to date", async () => {
    const earlier = (await recorded()).filter(isViewed).length;
    for (const path of ["density", "records", "choices", "latency", "actors"]) {
      assert.equal((await as("auditor", `/audit/api/${path}`)).status, 200, path);
    }
    const { record_id } = (await recorded())[0]!;
    assert.equal((await as("auditor", `/audit/api/record?id=${record_id}`)).status, 200);
    // Of requests that follow each other the last is told last.
    await until(async () => (await recorded()).filter(isViewed).length > earlier);
    const [look, ...others] = (await recorded()).filter(isViewed).slice(earlier);
    assert.deepEqual(others, []);
    assert.deepEqual(
      {
        user: look!.user,
        path: look!.request_repr.path,
        query: look!.request_repr.query_params,
        outcome: look!.outcome,
        body: look!.response_repr.body,
      },
      {
        user: { id: "auditor" },
        path: "/audit/api/record",
        query: { id: record_id },
        outcome: "success",
        body: null,
      },
    );
  });

  async function recorded(): Promise<Made[]> {
    await audit.flush();
    return readFileSync(join(directory, "api.log"), "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Made);
  }
});

function isViewed({ request_repr }: Made): boolean {
  return request_repr.path.startsWith("/audit/api/");
}

function requestRecord(index: number): Made {
  const at = new Date(Date.UTC(2026, 10, 24, 8) + index * 1234).toISOString();
  return {
    timestamp: at.replace("T", " ").replace("Z", ""),
    level: "API",
    name: "audit.request",
    message: "Audit Internal Request",
    service_name: "clinic",
    user: { id: index % 7 },
    record_id: `01a20d8b-0000-7000-8000-${String(index).padStart(12, "0")}`,
    schema: 1,
    request_id: `request-${index}`,
    parent_id: null,
    trace_id: null,
    span_id: null,
    outcome: OUTCOMES[index % OUTCOMES.length],
    extra: {},
    request_type: "internal",
    protocol: "http",
    request_repr: {
      method: "GET",
      path: `/p/${index}`,
      query_params: {},
      headers: {},
      user: null,
      body: null,
    },
    response_repr: { status_code: 200, headers: {}, body: { big: index } },
    error_message: null,
    execution_time: ((index * 7919) % 1000) / 1000,
    route: ROUTES[index % ROUTES.length],
    handler: null,
  };
}

function keyOf({ timestamp, record_id }: Made): string {
  return `${timestamp} ${record_id}`;
}

/** Between the two nearest, as SQL's PERCENTILE_CONT. */
function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const [low, high] = [sorted[Math.floor(at)]!, sorted[Math.ceil(at)]!];
  return low + (high - low) * (at - Math.floor(at));
}

function round(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}

async function statusOf(of: Served, path: string): Promise<number | undefined> {
  const { port, searchParams } = new URL(of.url);
  const cookie = `activity_audit_${port}=${searchParams.get("token")}`;
  const asked = httpRequest({ port, host: "127.0.0.1", path, headers: { cookie } }).end();
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  return response.resume().statusCode;
}
