/**
 * The clinic, wired: what a team writes, and the four lines that make it audited.
 *
 * @module
 */
import { audit } from "activity-audit";
import express, { type Express, type NextFunction, type Request, type Response } from "express";
import log4js from "log4js";
import type { DataSource } from "typeorm";
import { Partners } from "./partners.js";
import { Patients } from "./patients.js";
import { People } from "./people.js";
import type { Insurer, Lab, Pharmacy } from "./services.js";

export interface Services {
  readonly insurer: Insurer;
  readonly pharmacy: Pharmacy;
  readonly lab: Lab;
}

const log = log4js.getLogger("clinic.app");

export function clinicApp(dataSource: DataSource, services: Services): Express {
  const people = new People(dataSource);
  const patients = new Patients(dataSource);
  const partners = new Partners(services.insurer, services.pharmacy, services.lab);

  const app = express();
  app.use(audit.express());
  app.use(express.json());

  app.get("/alive", (request, response) => patients.alive(request, response));
  app.post("/login", people.login);
  app.use(people.require);

  app.get("/patients", (request, response) => patients.list(request, response));
  app.post("/patients", (request, response) => patients.admit(request, response));
  app.get("/patients/:id", (request, response) => patients.read(request, response));
  app.patch("/patients/:id", (request, response) => patients.update(request, response));
  app.put("/patients/:id/allergies", (request, response) => patients.setAllergies(request, response));
  app.delete("/patients/:id", (request, response) => patients.discharge(request, response));
  app.post("/patients/:id/readmission", (request, response) => patients.readmit(request, response));
  app.delete("/patients/:id/file", (request, response) => patients.erase(request, response));
  app.post("/patients/:id/visits", (request, response) => patients.planVisits(request, response));
  app.post("/wards/moves", (request, response) => patients.moveWard(request, response));
  app.post("/wards/closures", (request, response) => patients.closeWard(request, response));

  app.get("/eligibility/:member", (request, response) => partners.eligibility(request, response));
  app.post("/claims", (request, response) => partners.claim(request, response));
  app.get("/stock/:drug", (request, response) => partners.stock(request, response));
  app.post("/samples", (request, response) => partners.order(request, response));
  app.get("/samples/:sample", (request, response) => partners.result(request, response));

  app.get("/report", () => {
    log.info("a report was asked for; it takes longer than anyone waits");
  });
  app.get("/broken", () => {
    throw new Error("the X-ray machine is on fire");
  });
  app.use((_request, response) => {
    response.status(404).json({ error: "no such page" });
  });
  app.use(
    (error: Error & { status?: number }, _request: Request, response: Response, _next: NextFunction) => {
      const status = error.status ?? 500;
      if (status >= 500) log.error("request failed", error);
      response.status(status).json({ error: error.message });
    },
  );
  return app;
}
