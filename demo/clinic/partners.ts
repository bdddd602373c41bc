/**
 * Routes that call other systems.
 *
 * @module
 */
import { AuditRoute } from "activity-audit";
import type { Request, Response } from "express";
import type { Insurer, Lab, Pharmacy } from "./services.js";

@AuditRoute({ extra: { area: "partners" } })
export class Partners {
  constructor(
    private readonly insurer: Insurer,
    private readonly pharmacy: Pharmacy,
    private readonly lab: Lab,
  ) {}

  async eligibility(request: Request, response: Response): Promise<void> {
    await relay(response, () => this.insurer.eligibility(String(request.params["member"])));
  }

  async claim(request: Request, response: Response): Promise<void> {
    await relay(response, () => this.insurer.claim(request.body as object));
  }

  async stock(request: Request, response: Response): Promise<void> {
    await relay(response, () => this.pharmacy.stock(String(request.params["drug"])));
  }

  @AuditRoute({ action: "sample.order" })
  async order(request: Request, response: Response): Promise<void> {
    const { sample, text } = request.body as { sample: string; text: string };
    await relay(response, () => this.lab.order(sample, text));
  }

  @AuditRoute({ action: "sample.result" })
  async result(request: Request, response: Response): Promise<void> {
    await relay(response, () => this.lab.result(String(request.params["sample"])));
  }
}

/** Answers with what a partner said; a partner that fails is a bad gateway, not a fault of ours. */
async function relay(response: Response, ask: () => Promise<unknown>): Promise<void> {
  try {
    response.json({ answer: await ask() });
  } catch (error) {
    response.status(502).json({ error: error instanceof Error ? error.message : "partner failed" });
  }
}
