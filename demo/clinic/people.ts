/**
 * Who may use the clinic: accounts, logins and bearer tokens.
 *
 * @module
 */
import { audit } from "activity-audit";
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import type { NextFunction, Request, Response } from "express";
import type { DataSource } from "typeorm";
import { Account } from "./entities.js";

export interface SignedIn {
  readonly id: string;
  readonly email: string;
  readonly role: string;
}

declare global {
  // oxlint-disable-next-line typescript/no-namespace -- how Express lets an application add to its request
  namespace Express {
    interface User extends SignedIn {}
    interface Request {
      user?: User | undefined;
    }
  }
}

/** A demo's hash. A real application takes a slow one (scrypt, argon2). */
export function hash(password: string): string {
  return createHash("sha256").update(`clinic:${password}`).digest("hex");
}

export class People {
  private readonly signedIn = new Map<string, SignedIn>();

  constructor(private readonly dataSource: DataSource) {}

  login = async (request: Request, response: Response): Promise<void> => {
    const { email, password } = request.body as { email: string; password: string };
    const account = await this.dataSource
      .getRepository(Account)
      .createQueryBuilder("account")
      .addSelect("account.passwordHash")
      .where({ email })
      .getOne();
    if (!account || !same(account.passwordHash, hash(password))) {
      audit.login({ event: "login", success: false, error: "wrong email or password", extra: { email } });
      response.status(401).json({ error: "wrong email or password" });
      return;
    }
    const token = randomUUID();
    const user = { id: account.id, email: account.email, role: account.role };
    this.signedIn.set(token, user);
    request.user = user;
    audit.login({ event: "login", success: true });
    response.json({ access_token: token, role: account.role });
  };

  /** Runs after body parsing and after the audit middleware: the record's actor is read at the end. */
  require = (request: Request, response: Response, next: NextFunction): void => {
    const token = request.headers.authorization?.replace(/^Bearer /, "");
    const user = token ? this.signedIn.get(token) : undefined;
    if (!user) {
      response.status(401).json({ error: "please log in" });
      return;
    }
    request.user = user;
    next();
  };
}

function same(left: string, right: string): boolean {
  return left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right));
}
