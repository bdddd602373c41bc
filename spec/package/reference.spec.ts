/**
 * README and docs hold what there is to choose and to read: every option, field, fault and call, and none that is not there.
 *
 * The declarations say what there is. A type that nobody has given a place here is an error, so that a new one is
 * written down somewhere.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { codeIn, pages, tableOf, textOf } from "../support/pages.js";
import { type Documented, publicApi, root } from "../support/public-api.js";

/** [page, the table's heading or first cell, the types whose fields its first column has: all, and no others]. */
const TABLES: readonly (readonly [page: string, table: string, ...types: string[]])[] = [
  ["README.md", "Options of `audit.start`", "AuditOptions"],
  ["README.md", "Options of `auditLogging`", "AuditLoggingOptions"],
  ["docs/appender.md", "Options", "FileOptions", "+filename", "+layout"],
  ["docs/clickhouse.md", "option of `clickhouseAppender`", "ClickhouseOptions"],
  ["docs/clickhouse.md", "option of `migrateClickhouse`", "MigrateOptions"],
  ["docs/context.md", "Elsewhere: `audit.run`", "RunOptions"],
  ["docs/decorators.md", "`@AuditEntity(options?)`", "AuditEntityOptions"],
  ["docs/decorators.md", "`@AuditRoute(options?)`", "AuditRouteOptions"],
  ["docs/decorators.md", "`@ExternalService(name, options?)`", "ExternalServiceOptions"],
  ["docs/external-calls.md", "option of `outbound`", "OutboundOptions"],
  ["docs/external-calls.md", "option of `sftp`", "SftpCallOptions"],
  ["docs/health.md", "field of `health()`", "AuditHealth"],
  ["docs/health.md", "`writer.`", "WriterHealth"],
  ["docs/health.md", "`shipping[].`", "ShipmentHealth"],
  ["docs/health.md", "`faults[].`", "FaultSummary"],
  ["docs/health.md", "field of `coverage()`", "AuditCoverage"],
  ["docs/health.md", "option of `flush`", "FlushOptions"],
  ["docs/http.md", "`requests.`", "RequestOptions"],
  ["docs/reading.md", "field of a query", "TrailQuery"],
  ["docs/records.md", "option of `audit.login`", "LoginInput"],
  ["docs/records.md", "option of `audit.record`", "CustomInput"],
  ["docs/records.md", "On every record", "RecordBase"],
  ["docs/redaction.md", "Options", "RedactionPolicy"],
  ["docs/rows.md", "`rows` of `audit.start`", "RowOptions", "+false"],
  ["docs/rows.md", "`audit.attach(dataSource, …)`", "AttachDataSourceOptions"],
  ["docs/rows-outbox.md", "Rows through an outbox", "ConsistencyOptions"],
  ["docs/sealing.md", "Options", "SealOptions"],
  ["docs/viewer.md", "option of `audit.viewer`", "ViewerOptions"],
];

/** [page, the table, what its row has in code, the types whose fields the row names]. */
const ROWS: readonly (readonly [page: string, table: string, row: string, ...types: string[]])[] = [
  ["README.md", "Options of `audit.start`", "external", "ExternalOptions"],
  ["docs/appender.md", "Options", "keep", "Keep"],
  [
    "docs/external-calls.md",
    "How much is written",
    "audit.attach(client, { service, log })",
    "AttachClientOptions",
  ],
  ["docs/health.md", "`writer.`", "files", "FileHealth"],
  ["docs/health.md", "field of `coverage()`", "dataSources[]", "RowCoverage"],
  ["docs/http.md", "`requests.`", "routes", "RouteRule"],
  ["docs/http.md", "Frameworks", "AuditModule.forRoot(options)", "AsyncOptions"],
  ["docs/logging.md", "Your own configuration", "appFile()", "FilePartOptions"],
  ["docs/logging.md", "Your own configuration", "jsonLayout()", "LayoutOptions"],
  ["docs/logging.md", "Your own configuration", "consoleLayout()", "ConsoleLayoutOptions"],
  ["docs/reading.md", "call", "openTrail(directory?, { logs })", "TrailOptions"],
  ["docs/reading.md", "call", "history(model, id, { reads })", "HistoryOptions"],
  ["docs/reading.md", "call", "verify(options?)", "VerifyOptions"],
  ["docs/redaction.md", "Options", "limits", "RedactionPolicy.limits"],
  ["docs/sealing.md", "Options", "witness", "WitnessEndpoint"],
  ["docs/sealing.md", "Options", "checkpointEvery", "SealOptions.checkpointEvery"],
  ["docs/viewer.md", "option of `audit.viewer`", "verify", "VerifyKeys"],
];

/** [the section of docs/records.md, the types whose fields it names or shows]. */
const RECORDS: readonly (readonly [section: string, ...types: string[]])[] = [
  ["A row changed: `audit.crud`", "CrudRecord", "FieldChange"],
  ["A request came in: `audit.request`, `internal`", "InternalRequestRecord", "HttpResponseRepr"],
  [
    "A call went out: `audit.request`, `external`",
    "HttpCallRecord",
    "HttpCallResponseRepr",
    "CallAttemptRepr",
  ],
  ["A call went out: `audit.request`, `external`", "SftpCallRecord", "SftpRequestRepr", "SftpResponseRepr"],
  [
    "A call went out: `audit.request`, `external`",
    "MethodCallRecord",
    "MethodRequestRepr",
    "MethodResponseRepr",
  ],
  ["A login: `audit.login`", "LoginRecord", "RecordUser"],
  ["An event of the application's: `audit.event`", "CustomRecord"],
  ["What the trail says of itself: `audit.trail`", "TrailRecord"],
  ["The container log", "ContainerRecord"],
];

/** Where a row or a table tells of the fields in other words. */
const ELSEWHERE: Readonly<Record<string, readonly string[]>> = {
  // All options of the appender, which have a table of their own.
  FilePartOptions: ["FileOptions"],
  // `verify` of a program reads the logs that `openTrail` was given.
  VerifyOptions: ["TrailOptions"],
};

describe("README and docs against the declarations", () => {
  let surface: readonly Documented[];
  before(async () => {
    surface = await publicApi();
  });

  /** By the type's own list where it is exported, else by what was found of it. */
  function fieldsOf(type: string): string[] {
    const fields = surface.find(({ name }) => name === type)?.fields ?? [];
    const found = surface.flatMap(({ name }) =>
      name.startsWith(`${type}.`) ? [name.slice(type.length + 1).split(".")[0]!] : [],
    );
    const all = [...new Set([...fields, ...found])];
    assert.ok(all.length > 0, `there is no type ${type}`);
    const others = (ELSEWHERE[type] ?? []).flatMap((other) => fieldsOf(other));
    return all.filter((field) => !others.includes(field));
  }

  it("give each type of options a place", () => {
    const placed = [...TABLES, ...ROWS].flat();
    const types = new Set(surface.map(({ name }) => name.split(".")[0]!));
    const options = [...types].filter((name) =>
      /^\w+(?:Options|Policy|Rule|Input|Endpoint|Query)$/u.test(name),
    );
    assert.ok(options.length > 20, `${options.length} types of options`);
    // A host or a path, a pattern or a function: no fields.
    assert.deepEqual(
      options.filter((name) => !placed.includes(name)),
      ["HostRule", "PathRule"],
    );
  });

  it("have in their tables every field, and no other", () => {
    for (const [page, title, ...types] of TABLES) {
      const { rows } = tableOf(page, title);
      const told = rows
        .flatMap(([first]) => codeIn(first!))
        .map((code) => /^[\w$]+/u.exec(code)?.[0] ?? code);
      const fields = types.flatMap((type) => (type.startsWith("+") ? [type.slice(1)] : fieldsOf(type)));
      assert.deepEqual(told.toSorted(), [...new Set(fields)].toSorted(), `${page}, the table of ${title}`);
    }
  });

  it("name every field of what one row tells", () => {
    for (const [page, title, first, ...types] of ROWS) {
      const row = tableOf(page, title).rows.find((cells) => codeIn(cells.join(" ")).includes(first));
      assert.ok(row, `${page}, the table of ${title} has ${first}`);
      const words = codeIn(row.join(" ")).flatMap((code) => code.match(/\w+/gu) ?? []);
      const fields = types.flatMap((type) => fieldsOf(type));
      assert.deepEqual(
        fields.filter((field) => !words.includes(field)),
        [],
        `${page}, ${first}`,
      );
    }
  });

  it("name every field of every record", () => {
    const placed = RECORDS.flat();
    const records = surface.filter(({ name, kind }) => kind === "type" && /(?:Record|Repr)$/u.test(name));
    const unions = ["AuditRecord", "ExternalCallRecord", "LogRecord", "RequestRecord"];
    assert.deepEqual(
      // What was asked over HTTP is of a request and of a call, which each have a part of it.
      records.map(({ name }) => name).filter((name) => !placed.includes(name) && !unions.includes(name)),
      ["HttpRequestRepr"],
    );
    const page = textOf("docs/records.md");
    const sections = new Map(page.split(/^## /mu).map((text) => [text.split("\n", 1)[0]!, text]));
    for (const [section, ...types] of RECORDS) {
      const text = sections.get(section);
      assert.ok(text, `docs/records.md has a section "${section}"`);
      const shown = [...text.matchAll(/"(\w+)":|`([^`\n]+)`/gu)].flatMap(
        ([, key, code]) => key ?? code!.match(/\w+/gu)!,
      );
      // Told among those of every record; few have it.
      const fields = types.flatMap((type) => fieldsOf(type)).filter((field) => field !== "redacted");
      assert.deepEqual(
        fields.filter((field) => !shown.includes(field)),
        [],
        `${section}, ${types[0]}`,
      );
    }
    const asked = [...page.matchAll(/"(\w+)":/gu)].map(([, key]) => key);
    assert.deepEqual(
      fieldsOf("HttpRequestRepr").filter((field) => !asked.includes(field)),
      [],
    );
  });

  it("name every kind of fault, and no other", () => {
    const { rows } = tableOf("docs/health.md", "kind");
    const told = rows.flatMap(([first]) => codeIn(first!));
    assert.deepEqual(told.toSorted(), faultKinds().toSorted());
  });

  it("name every call of `audit`, and no other", () => {
    const calls = surface.flatMap(({ name, isMethod }) =>
      isMethod && name.startsWith("audit.") ? [name] : [],
    );
    assert.ok(calls.length > 10, `${calls.length} calls`);
    const readme = textOf("README.md");
    assert.deepEqual(
      calls.filter((call) => !readme.includes(`${call}(`)),
      [],
      "README.md lacks these",
    );
    for (const page of pages) {
      const told = [...textOf(page).matchAll(/(?<![\w./-])audit\.\w+(?=\()/gu)].map(([call]) => call);
      assert.deepEqual(
        told.filter((call) => !calls.includes(call)),
        [],
        page,
      );
    }
  });

  it("name what can be imported from where", () => {
    const { rows } = tableOf("README.md", "import");
    const told = rows
      .flatMap(([first]) => codeIn(first!))
      .map((name) => name.replace(/^activity-audit|^(?=\/)/u, "."));
    const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { exports: object };
    const entries = Object.keys(exports).filter((entry) => entry !== "./package.json");
    assert.deepEqual(
      told.map((entry) => entry.replace(/schema\/.*$/u, "schema/*")).toSorted(),
      entries.toSorted(),
    );
  });

  it("name no code, variable or event in capitals that is nowhere in the code", () => {
    const code = ["src", "spec", "bench", "demo"].flatMap((folder) => sourcesOf(folder)).join("\n");
    for (const page of [...pages, "CHANGELOG.md"]) {
      const words = new Set(textOf(page).match(/(?<!process\.env\.)\bAUDIT_[A-Z_]+\b/gu));
      assert.deepEqual(
        [...words].filter((word) => !code.includes(word)),
        [],
        page,
      );
    }
  });
});

function sourcesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.m?ts$|\.mjs$/u.test(file) && !file.endsWith("reference.spec.ts"))
    .map((file) => readFileSync(join(root, folder, file), "utf8"));
}

/** The texts in the code that are of the form of a kind, `stage.what`; those of `audit` are also names of records. */
function faultKinds(): string[] {
  const kind =
    /(?:(?:fault|guarded)\(\s*)"(audit\.\w+)"|"((?:capture|context|log|outbox|record|registry|seal|ship|viewer|writer)\.[a-z_]+)"/gu;
  return [
    ...new Set(
      sourcesOf("src").flatMap((text) => [...text.matchAll(kind)].map(([, own, other]) => own ?? other!)),
    ),
  ];
}
