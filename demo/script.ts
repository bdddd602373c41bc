/**
 * A day at the clinic: everything that the demo does, over real sockets, in one order.
 *
 * @module
 */
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface Answer {
  readonly status: number;
  readonly body: any;
}

/** One browser: keeps the token of its login. */
export class Visitor {
  private token: string | undefined;

  constructor(private readonly url: string) {}

  async login(email: string, password: string): Promise<Answer> {
    const answer = await this.call("POST", "/login", { email, password });
    this.token = answer.body.access_token ?? this.token;
    return answer;
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (this.token) headers["authorization"] = `Bearer ${this.token}`;
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(this.url + path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: text }),
    });
    const answer = await response.text();
    return {
      status: response.status,
      body: answer.startsWith("{") || answer.startsWith("[") ? JSON.parse(answer) : answer,
    };
  }

  /** Asks, and goes away before the answer comes. */
  async callAndLeave(path: string): Promise<void> {
    const request = httpRequest(this.url + path, { headers: { authorization: `Bearer ${this.token}` } });
    request.on("error", () => undefined);
    request.end();
    // Sent: a clinic that is busy comes to read it later, with the end behind it.
    await once(request, "finish");
    await sleep(150);
    request.destroy();
    await sleep(50);
  }
}

/** Runs the whole day. Each step says what it did and what the server answered. */
export async function driveClinic(
  url: string,
  say: (step: string, status: number | string) => void,
): Promise<void> {
  const visitor = new Visitor(url);
  const step = async (name: string, answer: Promise<Answer>) => {
    const { status, body } = await answer;
    say(name, status);
    return body;
  };

  await step("health check (not audited)", visitor.call("GET", "/alive"));
  await step("without a login", visitor.call("GET", "/patients"));
  await step("login, wrong password", visitor.login("ana@clinic.test", "battery staple"));
  await step("login", visitor.login("ana@clinic.test", "correct horse"));

  const grace = await step(
    "admit Grace",
    visitor.call("POST", "/patients", {
      name: "Grace Hopper",
      phone: "+1 202 555 0143",
      insurance: { company: "Mutual", member: "M-17", pin: "4711-8852-0930" },
    }),
  );
  const alan = await step(
    "admit Alan",
    visitor.call("POST", "/patients", { name: "Alan Turing", phone: "+44 20 7946 0958" }),
  );
  await step("admit nobody", visitor.call("POST", "/patients", { name: "" }));
  await step("malformed JSON", visitor.call("POST", "/patients", '{"name": "Grace'));
  await step("list patients", visitor.call("GET", "/patients"));
  await step("read Grace", visitor.call("GET", `/patients/${grace.id}`));
  await step("read a stranger", visitor.call("GET", "/patients/nobody"));
  await step("update Grace", visitor.call("PATCH", `/patients/${grace.id}`, { phone: "+1 202 555 0199" }));
  await step("move the whole ward", visitor.call("POST", "/wards/moves", { from: "intake", to: "west" }));

  const allergies = `/patients/${grace.id}/allergies`;
  await step("link two allergies", visitor.call("PUT", allergies, { substances: ["penicillin", "latex"] }));
  await step("unlink one allergy", visitor.call("PUT", allergies, { substances: ["latex"] }));

  await step("close a ward: rolls back", visitor.call("POST", "/wards/closures", { ward: "west" }));
  await step("plan visits: nested rolls back", visitor.call("POST", `/patients/${grace.id}/visits`));

  await step("discharge Grace (soft delete)", visitor.call("DELETE", `/patients/${grace.id}`));
  await step("readmit Grace (restore)", visitor.call("POST", `/patients/${grace.id}/readmission`));
  await step("erase Alan (delete, cascades)", visitor.call("DELETE", `/patients/${alan.id}/file`));

  await step("no such page", visitor.call("GET", "/cafeteria"));
  await step("a handler that throws", visitor.call("GET", "/broken"));
  await visitor.callAndLeave("/report");
  say("a client that goes away", "aborted");

  await step("insurer answers 200", visitor.call("GET", "/eligibility/M-17"));
  await step("insurer answers 500", visitor.call("GET", "/eligibility/M-500"));
  await step(
    "insurer for claims is down",
    visitor.call("POST", "/claims", { patient: grace.id, cents: 12000 }),
  );
  await step("pharmacy answers", visitor.call("GET", "/stock/aspirin"));
  await step("pharmacy times out", visitor.call("GET", "/stock/unobtainium"));
  await step(
    "SFTP upload, rename, download",
    visitor.call("POST", "/samples", { sample: "s-1", text: "blood, please" }),
  );
  await step("SFTP download of no file", visitor.call("GET", "/samples/s-2"));
}
