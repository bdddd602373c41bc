/**
 * The clinic's tables, as any TypeORM application has them, with `@AuditEntity` beside `@Entity`.
 *
 * @module
 */
import { AuditEntity, AuditIgnore, AuditMask } from "activity-audit";
import {
  Column,
  CreateDateColumn,
  DeleteDateColumn,
  Entity,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  type Relation,
} from "typeorm";

@Entity()
@AuditEntity<Allergy>({ label: (allergy) => allergy.substance })
export class Allergy {
  @PrimaryGeneratedColumn()
  id: number;

  @Column({ unique: true })
  substance: string;
}

@Entity()
@AuditEntity<Patient>({ exclude: ["searchText"], label: (patient) => patient.name, reads: true })
export class Patient {
  @PrimaryGeneratedColumn("uuid")
  id: string;

  @Column()
  name: string;

  @AuditMask()
  @Column()
  phone: string;

  @Column({ default: "intake" })
  ward: string;

  @Column({ type: "simple-json", nullable: true })
  insurance: { company: string; member: string } | null;

  @Column({ default: "" })
  searchText: string;

  @AuditIgnore()
  @Column({ type: "text", nullable: true })
  photo: string | null;

  @ManyToMany(() => Allergy)
  @JoinTable({ name: "patient_allergies" })
  allergies: Allergy[];

  @OneToMany(() => Visit, (visit) => visit.patient)
  visits: Relation<Visit[]>;

  @CreateDateColumn()
  admittedAt: Date;

  @DeleteDateColumn()
  dischargedAt: Date | null;
}

@Entity()
@AuditEntity()
export class Visit {
  @PrimaryGeneratedColumn()
  id: number;

  @Column()
  reason: string;

  @ManyToOne(() => Patient, (patient) => patient.visits, { onDelete: "CASCADE" })
  patient: Patient;
}

@Entity()
@AuditEntity<Account>({ label: (account) => account.email })
export class Account {
  @PrimaryGeneratedColumn("uuid")
  id: string;

  @Column({ unique: true })
  email: string;

  @Column()
  role: string;

  @Column({ select: false })
  passwordHash: string;
}
