/**
 * The clinic's patients: one controller, each handler with `@AuditRoute`.
 *
 * @module
 */
import { AuditRoute, NoAudit } from "activity-audit";
import type { Request, Response } from "express";
import { In, type DataSource } from "typeorm";
import { Allergy, Patient, Visit } from "./entities.js";

type Handled = Promise<void>;

export class Patients {
  constructor(private readonly dataSource: DataSource) {}

  @AuditRoute({ action: "patient.list" })
  async list(_request: Request, response: Response): Handled {
    response.json(await this.patients.find({ order: { name: "ASC" } }));
  }

  @AuditRoute({ action: "patient.read" })
  async read(request: Request, response: Response): Handled {
    const patient = await this.patients.findOneBy({ id: idOf(request) });
    if (patient) response.json(patient);
    else response.status(404).json({ error: "no such patient" });
  }

  @AuditRoute({ action: "patient.admit" })
  async admit(request: Request, response: Response): Handled {
    const { name, phone, insurance = null } = request.body as Partial<Patient>;
    if (!name || !phone) {
      response.status(400).json({ error: "a patient needs a name and a phone number" });
      return;
    }
    const visits = [{ reason: "admission" }];
    const patient = await this.dataSource.transaction(async (manager) => {
      const saved = await manager.save(Patient, { name, phone, insurance, searchText: name.toLowerCase() });
      await manager.insert(
        Visit,
        visits.map((visit) => ({ ...visit, patient: { id: saved.id } })),
      );
      return saved;
    });
    response.status(201).json(patient);
  }

  @AuditRoute({ action: "patient.update" })
  async update(request: Request, response: Response): Handled {
    const patient = await this.patients.findOneByOrFail({ id: idOf(request) });
    response.json(await this.patients.save(this.patients.merge(patient, request.body as object)));
  }

  @AuditRoute({ action: "ward.move" })
  async moveWard(request: Request, response: Response): Handled {
    const { from, to } = request.body as { from: string; to: string };
    const { affected } = await this.patients.update({ ward: from }, { ward: to });
    response.json({ moved: affected });
  }

  @AuditRoute({ action: "patient.allergies" })
  async setAllergies(request: Request, response: Response): Handled {
    const patient = await this.patients.findOneOrFail({
      where: { id: idOf(request) },
      relations: { allergies: true },
    });
    const substances = (request.body as { substances: string[] }).substances;
    patient.allergies = await this.dataSource.getRepository(Allergy).findBy({ substance: In(substances) });
    await this.patients.save(patient);
    response.json(patient.allergies.map(({ substance }) => substance));
  }

  @AuditRoute({ action: "patient.discharge" })
  async discharge(request: Request, response: Response): Handled {
    await this.patients.softDelete({ id: idOf(request) });
    response.sendStatus(204);
  }

  @AuditRoute({ action: "patient.readmit" })
  async readmit(request: Request, response: Response): Handled {
    await this.patients.restore({ id: idOf(request) });
    response.sendStatus(204);
  }

  /** Visits go with their patient, by ON DELETE CASCADE in the database. */
  @AuditRoute({ action: "patient.erase" })
  async erase(request: Request, response: Response): Handled {
    await this.patients.delete({ id: idOf(request) });
    response.sendStatus(204);
  }

  /** Moves everybody, then finds that the ward is closed: the transaction rolls back. */
  @AuditRoute({ action: "ward.close" })
  async closeWard(request: Request, response: Response): Handled {
    const { ward } = request.body as { ward: string };
    try {
      await this.dataSource.transaction(async (manager) => {
        await manager.update(Patient, { ward }, { ward: "corridor" });
        throw new Error(`ward ${ward} may not be closed`);
      });
    } catch (error) {
      response.status(409).json({ error: (error as Error).message });
    }
  }

  /** Adds two visits; the second in a nested transaction that rolls back while the outer one commits. */
  @AuditRoute({ action: "visit.plan" })
  async planVisits(request: Request, response: Response): Handled {
    const patient = { id: idOf(request) };
    const planned = await this.dataSource.transaction(async (manager) => {
      const visit = await manager.save(Visit, { reason: "check-up", patient });
      await manager
        .transaction(async (nested) => {
          await nested.save(Visit, { reason: "operation", patient });
          throw new Error("no surgeon is free");
        })
        .catch(() => undefined);
      return visit;
    });
    response.status(201).json({ id: planned.id, reason: planned.reason });
  }

  @NoAudit()
  alive(_request: Request, response: Response): void {
    response.json({ status: "ok" });
  }

  private get patients() {
    return this.dataSource.getRepository(Patient);
  }
}

function idOf(request: Request): string {
  return String(request.params["id"]);
}
