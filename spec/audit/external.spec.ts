/**
 * How much is written of calls that go out: by the options, by service, by call; whichever way they are made.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import axios from "axios";
import log4js from "log4js";
import {
  audit,
  auditLogging,
  AuditError,
  ExternalService,
  HttpClient,
  type AuditOptions,
  type ExternalDetail,
} from "activity-audit";
import { assertRecords, type WrittenRecord } from "../support/schema.js";
import { startService, type Service } from "../support/service.js";

let service: Service;
let directory: string;
before(async () => (service = await startService()));
after(() => service.close());
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "external-"));
  log4js.configure(auditLogging({ directory, serviceName: "spec", console: false }));
});
afterEach(async () => {
  await audit.stop();
  await new Promise<void>((resolve) => log4js.shutdown(() => resolve()));
  rmSync(directory, { recursive: true, force: true });
});

@ExternalService("fax", { log: "full" })
class Fax {
  send(text: string): string {
    return `sent ${text}`;
  }
}

@ExternalService("apollo", { log: "metadata" })
class Apollo extends ExternalService {
  get client() {
    return this.http;
  }
  ask() {
    return this.http.post(`${service.url}/end`, { dose: 2 });
  }
}

class Pharmacy extends HttpClient {
  constructor() {
    super("pharmacy");
  }
  ask() {
    return this.post(`${service.url}/end`, { dose: 2 });
  }
}

@ExternalService("ward")
class Ward {
  answer: (found: object) => void = () => {};

  async ask(_question: object): Promise<object> {
    return new Promise((resolve) => (this.answer = resolve));
  }
}

const clients = { fax: new Fax(), apollo: new Apollo(), pharmacy: new Pharmacy() };

/** One call of each service. */
async function callAll(): Promise<void> {
  clients.fax.send("page");
  await clients.apollo.ask();
  await clients.pharmacy.ask();
}

const detailIn = ({ protocol, request_repr, response_repr }: WrittenRecord): ExternalDetail => {
  const [sent, received] =
    protocol === "method"
      ? [request_repr.arguments[0] ?? null, response_repr.result]
      : [request_repr.body, response_repr.body];
  assert.equal(sent === null, received === null, "both or neither");
  return sent === null ? "metadata" : "full";
};

/** What was written of each service's calls, in their order. */
async function written(): Promise<[string, ExternalDetail][]> {
  await audit.flush();
  const records = assertRecords(readFileSync(join(directory, "api.log"), "utf8"));
  return records.map((record) => [record["service_name"], detailIn(record)]);
}

const start = (external?: AuditOptions["external"]) => audit.start({ serviceName: "spec", external });

describe("how much is written of calls that go out", () => {
  const CHOICES: [string, AuditOptions["external"], [string, ExternalDetail][]][] = [
    [
      "nothing said",
      undefined,
      [
        ["fax", "full"],
        ["apollo", "metadata"],
        ["pharmacy", "full"],
      ],
    ],
    [
      "metadata for all that do not say otherwise",
      "metadata",
      [
        ["fax", "full"],
        ["apollo", "metadata"],
        ["pharmacy", "metadata"],
      ],
    ],
    [
      "nothing for all that do not say otherwise",
      false,
      [
        ["fax", "full"],
        ["apollo", "metadata"],
      ],
    ],
    [
      "services by name, whatever the code says",
      { default: false, services: { fax: false, apollo: "full", pharmacy: "metadata" } },
      [
        ["apollo", "full"],
        ["pharmacy", "metadata"],
      ],
    ],
    [
      "one service by name",
      { services: { pharmacy: false } },
      [
        ["fax", "full"],
        ["apollo", "metadata"],
      ],
    ],
  ];
  for (const [name, external, expected] of CHOICES) {
    it(`is as the options say: ${name}`, async () => {
      start(external);
      await callAll();
      assert.deepEqual(await written(), expected);
    });
  }

  it("is as audit.attach says of a client", async () => {
    start();
    const [one, two, three] = [axios.create(), axios.create(), axios.create()];
    audit.attach(one, { service: "one", log: "metadata" });
    audit.attach(two, { service: "two", log: false });
    audit.attach(three, { service: "three" });
    for (const client of [one, two, three]) await client.post(`${service.url}/end`, { a: 1 });
    assert.deepEqual(await written(), [
      ["one", "metadata"],
      ["three", "full"],
    ]);
    assert.throws(
      () => audit.attach(axios.create(), { service: "x", log: "some" as "full" }),
      (error) => error instanceof AuditError && error.code === "AUDIT_OPTION_INVALID",
    );
  });

  it("is as audit.attach says of a client that a base class made, until that is given back", async () => {
    start();
    const detach = audit.attach(clients.apollo.client, { service: "olympia", log: "full" });
    await callAll();
    detach();
    await callAll();
    assert.deepEqual(await written(), [
      ["fax", "full"],
      ["olympia", "full"],
      ["pharmacy", "full"],
      ["fax", "full"],
      ["apollo", "metadata"],
      ["pharmacy", "full"],
    ]);
  });

  it("is the same through a Proxy of the application's", async () => {
    start();
    const through = new Proxy(new Apollo(), {});
    await through.ask();
    assert.equal(through.client, through.client);
    assert.deepEqual(await written(), [["apollo", "metadata"]]);
  });

  it("is as audit.logExternal says of what runs within it, and of nothing else", async () => {
    audit.start({ serviceName: "spec", external: { services: { pharmacy: "full" } }, outbound: true });
    await audit.logExternal("metadata", callAll);
    await audit.logExternal(false, callAll);
    await Promise.all([
      audit.logExternal("full", () => clients.apollo.ask()),
      audit.logExternal(false, callAll),
    ]);
    await callAll();
    assert.deepEqual(await written(), [
      ["fax", "metadata"],
      ["apollo", "metadata"],
      ["pharmacy", "metadata"],
      ["apollo", "full"],
      ["fax", "full"],
      ["apollo", "metadata"],
      ["pharmacy", "full"],
    ]);
  });

  it("is hidden by the policy of its time where a call ends after audit has stopped", async () => {
    audit.start({ serviceName: "spec", redact: { redact: ["diagnosis"], mask: ["phone"] } });
    const ward = new Ward();
    const asked = ward.ask({ diagnosis: "influenza", phone: "+41 79 123 45 67" });
    await audit.stop();
    ward.answer({ diagnosis: "influenza again", bed: 4 });
    await asked;
    await audit.flush();
    const [record, ...others] = assertRecords(readFileSync(join(directory, "api.log"), "utf8"));
    assert.deepEqual(others, []);
    const { outcome, request_repr: sent, response_repr: received, redacted } = record!;
    assert.equal(outcome, "success");
    assert.deepEqual(sent.arguments, [{ diagnosis: "[REDACTED]", phone: "***5 67" }]);
    assert.deepEqual(received.result, { diagnosis: "[REDACTED]", bed: 4 });
    assert.deepEqual(redacted, [
      "/request_repr/arguments/0/diagnosis",
      "/request_repr/arguments/0/phone",
      "/response_repr/result/diagnosis",
    ]);
  });

  it("stays nothing for a service whose calls are not recorded at all", async () => {
    start({ services: { fax: false, apollo: false, pharmacy: false } });
    await audit.logExternal("full", callAll);
    assert.deepEqual(await written(), []);
  });

  it("gives what runs within it its result, its error and its context", async () => {
    start();
    assert.equal(
      audit.logExternal("metadata", () => 7),
      7,
    );
    assert.throws(
      () =>
        audit.logExternal("metadata", () => {
          throw new RangeError("mine");
        }),
      RangeError,
    );
    audit.run({ actor: { id: "ana" } }, () => {
      const around = audit.current()?.requestId;
      audit.logExternal(false, () => {
        assert.equal(audit.current()?.requestId, around);
        assert.equal(audit.current()?.actor()?.id, "ana");
      });
    });
  });
});
