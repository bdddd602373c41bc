/**
 * The clinic's database: SQLite in the process (sql.js), so that the demo needs nothing but Node.
 *
 * @module
 */
import { DataSource } from "typeorm";
import { Account, Allergy, Patient, Visit } from "./entities.js";
import { hash } from "./people.js";

export async function openDatabase(): Promise<DataSource> {
  const dataSource = new DataSource({
    type: "sqljs",
    entities: [Account, Allergy, Patient, Visit],
    synchronize: true,
  });
  return dataSource.initialize();
}

/** What is there before the first request: an account and the allergies that patients can be linked to. */
export async function seed(dataSource: DataSource): Promise<void> {
  await dataSource
    .getRepository(Account)
    .save({ email: "ana@clinic.test", role: "nurse", passwordHash: hash("correct horse") });
  await dataSource
    .getRepository(Allergy)
    .save(["penicillin", "latex", "peanuts"].map((substance) => ({ substance })));
}
