/**
 * What random work does: one statement, or one call of TypeORM's, on one of many entities.
 */
import { setImmediate } from "node:timers/promises";
import type { DataSource, EntityManager, EntityTarget } from "typeorm";
import {
  Animal,
  Cat,
  Child,
  Comp,
  DbChild,
  Dog,
  Member,
  Parent,
  Plain,
  Post,
  Secret,
  Soft,
  Tag,
  Team,
  Up,
  WithEmb,
} from "./operations/entities.js";

export type Random = (below: number) => number;

/** mulberry32: small, and good enough to choose what to do next. */
export function randomOf(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/** How many transactions: `ROWS_TRANSACTIONS` in place of what the spec says, and never more than `ROWS_AT_MOST`. */
export function countOf(transactions: number): number {
  const { ROWS_TRANSACTIONS: wanted, ROWS_AT_MOST: most } = process.env;
  return Math.min(Number(wanted ?? transactions), Number(most ?? Infinity));
}

/** The entities of random work: none whose values are of the clock or by chance, but for `Soft`'s. */
export const workEntities = [
  Plain,
  Up,
  Comp,
  Soft,
  Animal,
  Dog,
  Cat,
  WithEmb,
  Secret,
  Post,
  Tag,
  Team,
  Member,
  Parent,
  Child,
  DbChild,
];

/** How often an act is tried on a SQLite file that another connection writes to; a stale snapshot never gets in. */
const PATIENCE = 30;

type Act = () => Promise<unknown>;

/** A random row of the last ones, so that there is one. */
async function last<Entity extends { id: number }>(
  manager: EntityManager,
  entity: EntityTarget<Entity>,
): Promise<Entity | null> {
  const [found] = await manager.find(entity, { order: { id: "DESC" } as never, take: 1 });
  return found ?? null;
}

function simple(manager: EntityManager, name: string, n: number): Act[] {
  return [
    () => manager.insert(Plain, { name, n }),
    () =>
      manager.insert(Plain, [
        { name, n },
        { name, n: null },
      ]),
    () => manager.update(Plain, { name }, { n }),
    () => manager.delete(Plain, { name, n }),
    () => manager.increment(Plain, { name }, "n", n),
    () => manager.upsert(Up, { key: name, val: String(n) }, ["key"]),
    () => manager.insert(Up, { key: name, val: "new" }),
    () => manager.delete(Up, { key: name }),
    () => manager.query(`UPDATE plain SET name = 'n${n}' WHERE name = '${name}'`),
    async () => manager.save(Plain, { ...(await last(manager, Plain)), name, note: `it's ${n}` }),
  ];
}

function ofEachKind(manager: EntityManager, name: string, n: number): Act[] {
  return [
    () => manager.insert(Comp, { a: n, b: name, val: "new" }),
    () => manager.save(Comp, { a: n, b: name, val: `saved ${n}` }),
    () => manager.delete(Comp, { b: name }),
    () => manager.insert(Soft, { name }),
    () => manager.softDelete(Soft, { name }),
    () => manager.restore(Soft, { name }),
    () => manager.delete(Soft, { name }),
    () => manager.save(Dog, { name, bark: `woof ${n}` }),
    () => manager.insert(Cat, { name, meow: null }),
    () => manager.update(Animal, { name }, { name: `n${n}` }),
    () => manager.delete(Dog, { name }),
    () => manager.save(WithEmb, { name, address: { street: name, city: null } }),
    () => manager.update(WithEmb, { name }, { address: { city: `c${n}` } }),
    () => manager.delete(WithEmb, { name }),
    () => manager.insert(Secret, { password: `p${n}`, login: name, roles: [name, "x"] }),
    () => manager.update(Secret, { login: name }, { password: null }),
    () => manager.delete(Secret, { login: name }),
  ];
}

function related(manager: EntityManager, name: string, n: number): Act[] {
  return [
    () => manager.save(Post, { title: name, tags: [{ name }] } as never),
    () => manager.save(Tag, { name }),
    async () => {
      const [post, tag] = [await last(manager, Post), await last(manager, Tag)];
      const tags = manager
        .createQueryBuilder()
        .relation(Post, "tags")
        .of(post?.id ?? 0);
      return post && tag && (n % 2 === 0 ? tags.add(tag.id) : tags.remove(tag.id));
    },
    () => manager.save(Team, { name, members: [{ name }, { name: "other" }] } as never),
    async () => {
      const team = await last(manager, Team);
      return team && manager.save(Team, { ...team, members: [{ name }] } as never);
    },
    () => manager.save(Parent, { name, children: [{ name }] } as never),
    async () => {
      const parent = await last(manager, Parent);
      return parent && manager.insert(DbChild, { name, parent: { id: parent.id } });
    },
  ];
}

/** Rows that foreign keys take along. */
function cascading(manager: EntityManager, name: string): Act[] {
  return [
    () => manager.delete(Team, { name }),
    async () => {
      const parent = await last(manager, Parent);
      if (!parent) return null;
      await manager.delete(Child, { parent: { id: parent.id } });
      return manager.delete(Parent, { id: parent.id });
    },
    () => manager.delete(Tag, { name }),
  ];
}

/**
 * One act; gives what the application sees of it, be it an error.
 *
 * @param cascades - whether rows may be deleted that foreign keys carry on from: not where nobody else can tell
 *   what became of the others
 */
export async function act(
  manager: DataSource["manager"],
  random: Random,
  cascades = false,
): Promise<unknown> {
  const name = `n${random(6)}`;
  const n = random(5);
  const acts = [
    ...simple(manager, name, n),
    ...ofEachKind(manager, name, n),
    ...related(manager, name, n),
    ...(cascades ? cascading(manager, name) : []),
  ];
  const { driver, options } = manager.connection;
  // MySQL's are recorded as one statement.
  if (options.type !== "mysql") {
    const key = driver.escape("key");
    // Whether and where these meet a key that is there must not hang on the order in which the rows happen to lie: a
    // vacuum, which may come at any time, changes it, and with it the numbers taken from a sequence before a failure.
    acts.push(
      () =>
        manager.query(
          `INSERT INTO up (${key}, val) SELECT name, 'copied' FROM plain WHERE n = ${n} ORDER BY plain.id`,
        ),
      () => manager.query(`UPDATE comp SET a = a + 10 WHERE b = '${name}' AND a < 10`),
    );
  }
  const chosen = acts[random(acts.length)]!;
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await chosen();
    } catch (error) {
      const { message } = error as Error;
      if (!message.includes("database is locked") || attempt > PATIENCE) return `error: ${message}`;
      await setImmediate();
    }
  }
}

/** All rows of all tables, without the moments that no two runs share. */
export async function tablesOf(dataSource: DataSource): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const { tablePath } of dataSource.entityMetadatas) {
    const path = tablePath
      .split(".")
      .map((part) => dataSource.driver.escape(part))
      .join(".");
    const rows = (await dataSource.query(`SELECT * FROM ${path}`)) as Record<string, unknown>[];
    tables[tablePath] = rows
      .map((row) =>
        JSON.stringify("deletedAt" in row ? { ...row, deletedAt: row["deletedAt"] !== null } : row),
      )
      .toSorted();
  }
  return tables;
}
