/** The entity of the specs of intents. */
import { AuditEntity } from "activity-audit";
import { Column, Entity, PrimaryGeneratedColumn } from "typeorm";

@Entity()
@AuditEntity({ redact: ["pin"] })
export class Note {
  @PrimaryGeneratedColumn() id: number;
  @Column({ unique: true }) name: string;
  @Column({ default: "4711-secret" }) pin: string;
}
