/**
 * The entities of the operations matrix: one for each thing that TypeORM does differently.
 */
import {
  BeforeInsert,
  BeforeUpdate,
  ChildEntity,
  Column,
  CreateDateColumn,
  DeleteDateColumn,
  Entity,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  TableInheritance,
  Tree,
  TreeChildren,
  TreeParent,
  UpdateDateColumn,
  VersionColumn,
} from "typeorm";

@Entity()
export class Plain {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @Column({ type: "int", nullable: true }) n: number | null;
  @Column({ type: "varchar", nullable: true }) note: string | null;
}

@Entity()
export class Deflt {
  @PrimaryGeneratedColumn("uuid") id: string;
  @CreateDateColumn() createdAt: Date;
  @Column({ default: 7 }) d: number;
  @Column({ default: "given" }) s: string;
  @Column({ type: "bigint", default: "9007199254740993" }) big: string;
  @Column({ type: "simple-json", nullable: true }) js: unknown;
}

export class Address {
  @Column({ nullable: true, type: "varchar" }) street: string | null;
  @Column({ nullable: true, type: "varchar" }) city: string | null;
}

@Entity()
export class WithEmb {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @Column(() => Address) address: Address;
}

@Entity()
export class Ver {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @VersionColumn() version: number;
  @UpdateDateColumn() updatedAt: Date;
}

@Entity()
export class Comp {
  @PrimaryColumn() a: number;
  @PrimaryColumn({ length: 20 }) b: string;
  @Column() val: string;
}

@Entity()
export class Secret {
  @PrimaryGeneratedColumn() id: number;
  @Column({ nullable: true, select: false, type: "varchar" }) password: string | null;
  @Column({
    nullable: true,
    type: "varchar",
    transformer: {
      to: (value: string | null) => (value === null ? null : value && [...value].toReversed().join("")),
      from: (value: string | null) => (value === null ? null : value && [...value].toReversed().join("")),
    },
  })
  login: string | null;
  @Column("simple-array", { nullable: true }) roles: string[] | null;
}

@Entity()
@TableInheritance({ column: { type: "varchar", name: "type" } })
export class Animal {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
}
@ChildEntity()
export class Dog extends Animal {
  @Column({ nullable: true, type: "varchar" }) bark: string | null;
}
@ChildEntity()
export class Cat extends Animal {
  @Column({ nullable: true, type: "varchar" }) meow: string | null;
}

@Entity()
export class Parent {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @OneToMany(() => Child, (child) => child.parent, { cascade: true }) children: Child[];
  @OneToMany(() => DbChild, (child) => child.parent) dbChildren: DbChild[];
}
@Entity()
export class Child {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @ManyToOne(() => Parent, (parent) => parent.children, { orphanedRowAction: "delete" }) parent: Parent;
}
@Entity()
export class DbChild {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @ManyToOne(() => Parent, (parent) => parent.dbChildren, { onDelete: "CASCADE" }) parent: Parent;
}

@Entity()
export class Team {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @OneToMany(() => Member, (member) => member.team, { cascade: true }) members: Member[];
}
@Entity()
export class Member {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @ManyToOne(() => Team, (team) => team.members, { onDelete: "SET NULL", nullable: true }) team: Team | null;
}

@Entity()
export class Soft {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @DeleteDateColumn() deletedAt: Date | null;
}

@Entity()
export class Tag {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @ManyToMany(() => Post, (post) => post.tags) posts: Post[];
}
@Entity()
export class Post {
  @PrimaryGeneratedColumn() id: number;
  @Column() title: string;
  @ManyToMany(() => Tag, (tag) => tag.posts) @JoinTable() tags: Tag[];
}

@Entity()
export class Up {
  @PrimaryGeneratedColumn() id: number;
  @Column({ unique: true, length: 40 }) key: string;
  @Column({ nullable: true, type: "varchar" }) val: string | null;
}

@Entity()
export class Lst {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @Column({ nullable: true, type: "varchar" }) touched: string | null;
  @BeforeInsert() inserted(): void {
    this.touched = "inserted";
  }
  @BeforeUpdate() updated(): void {
    this.touched = `updated ${this.name}`;
  }
}

@Entity()
@Tree("closure-table")
export class Node1 {
  @PrimaryGeneratedColumn() id: number;
  @Column() name: string;
  @TreeParent({ onDelete: "CASCADE" }) parent: Node1 | null;
  @TreeChildren() children: Node1[];
}

export const entities = [
  Plain,
  Deflt,
  WithEmb,
  Ver,
  Comp,
  Secret,
  Animal,
  Dog,
  Cat,
  Parent,
  Child,
  DbChild,
  Team,
  Member,
  Soft,
  Tag,
  Post,
  Up,
  Lst,
  Node1,
];

/** A table that no entity stands for. */
export const RAW_TABLE = "rawt";
