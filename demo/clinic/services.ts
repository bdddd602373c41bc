/**
 * The clinic's ways out: three classes that call other systems, in the three forms that the library knows.
 *
 * @module
 */
import { ExternalService, HttpClient } from "activity-audit";

/** An insurer over HTTP: decorated, and on the base class that brings `this.http`. */
@ExternalService("insurer")
export class Insurer extends ExternalService {
  constructor(private readonly baseUrl: string) {
    super();
  }

  async eligibility(member: string): Promise<unknown> {
    const answer = await this.http.get(`${this.baseUrl}/eligibility`, {
      params: { member, api_key: "demo-insurer-key" },
    });
    return answer.data;
  }

  async claim(claim: object): Promise<unknown> {
    const answer = await this.http.post(`${this.baseUrl}/claims`, claim, {
      headers: { authorization: "Bearer demo-insurer-token" },
    });
    return answer.data;
  }
}

/** A pharmacy over HTTP: the seed's form, a client with its name given to `super`. */
export class Pharmacy extends HttpClient {
  constructor(private readonly baseUrl: string) {
    super("pharmacy", { timeout: 2000 });
  }

  async stock(drug: string): Promise<unknown> {
    const answer = await this.get(`${this.baseUrl}/stock/${encodeURIComponent(drug)}`);
    return answer.data;
  }
}

export interface LabAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

/** A laboratory over SFTP: decorated, and on the base class that brings `this.sftp`. */
@ExternalService("lab")
export class Lab extends ExternalService {
  constructor(private readonly address: LabAddress) {
    super();
  }

  /** Sends an order, gives it its final name when it is whole, and reads it back. */
  async order(sample: string, text: string): Promise<string> {
    await this.sftp.connect(this.address);
    try {
      await this.sftp.put(Buffer.from(text), `/inbox/${sample}.part`);
      await this.sftp.rename(`/inbox/${sample}.part`, `/inbox/${sample}.txt`);
      const copy = (await this.sftp.get(`/inbox/${sample}.txt`)) as Buffer;
      return copy.toString();
    } finally {
      await this.sftp.end();
    }
  }

  async result(sample: string): Promise<string> {
    await this.sftp.connect(this.address);
    try {
      const result = (await this.sftp.get(`/results/${sample}.txt`)) as Buffer;
      return result.toString();
    } finally {
      await this.sftp.end();
    }
  }
}
