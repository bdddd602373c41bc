import type { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { operation, type Operation, type World } from "./operation.js";
import { Deflt, Lst, Plain, RAW_TABLE, Soft, Up } from "./entities.js";

const one = ({ dataSource }: World): Promise<Plain> =>
  dataSource.getRepository(Plain).save({ name: "a", n: 1 });
const up = async ({ dataSource }: World): Promise<void> => {
  await dataSource.getRepository(Up).insert({ key: "kk", val: "v" });
};
const raw = async ({ dataSource }: World): Promise<void> => {
  await dataSource
    .createQueryBuilder()
    .insert()
    .into(RAW_TABLE, ["name", "n"])
    .values({ name: "r", n: 1 })
    .execute();
};
const lst = ({ dataSource }: World): Promise<Lst> =>
  dataSource.getRepository(Lst).save(dataSource.getRepository(Lst).create({ name: "l" }));

/** Query builders, raw SQL, listeners and subscribers, and what fails. */
export const builders: Operation[] = [
  operation("QB insert entity", null, ({ dataSource }) =>
    dataSource.createQueryBuilder().insert().into(Plain).values({ name: "a" }).execute(),
  ),
  operation("QB insert by table name string (no metadata)", null, ({ dataSource }) =>
    dataSource.createQueryBuilder().insert().into("plain").values({ name: "a" }).execute(),
  ),
  operation("QB insert into raw table without any entity", null, raw),
  operation("QB update raw table without entity", raw, ({ dataSource }) =>
    dataSource
      .createQueryBuilder()
      .update(RAW_TABLE)
      .set({ n: 2 })
      .where("name = :name", { name: "r" })
      .execute(),
  ),
  operation("QB delete raw table without entity", raw, ({ dataSource }) =>
    dataSource.createQueryBuilder().delete().from(RAW_TABLE).where("name = :name", { name: "r" }).execute(),
  ),
  operation("QB insert callListeners(false)", null, ({ dataSource }) =>
    dataSource.createQueryBuilder().insert().into(Plain).values({ name: "a" }).callListeners(false).execute(),
  ),
  operation("QB insert updateEntity(false)", null, ({ dataSource }) =>
    dataSource.createQueryBuilder().insert().into(Deflt).values({ d: 8 }).updateEntity(false).execute(),
  ),
  operation("QB insert orIgnore (conflict)", up, ({ dataSource }) =>
    dataSource
      .createQueryBuilder()
      .insert()
      .into(Up)
      .values([
        { key: "kk", val: "ignored" },
        { key: "kk-new", val: "n" },
      ])
      .orIgnore()
      .execute(),
  ),
  operation("QB insert orUpdate", up, ({ dataSource }) =>
    dataSource
      .createQueryBuilder()
      .insert()
      .into(Up)
      .values({ key: "kk", val: "w" })
      .orUpdate(["val"], ["key"])
      .execute(),
  ),
  operation("QB insert valuesFromSelect", one, async ({ dataSource, has }) => {
    const builder = dataSource.createQueryBuilder().insert().into(Plain, ["name", "n"]);
    if (!has(builder, "valuesFromSelect")) return;
    await builder
      .valuesFromSelect((select) => select.select("p.name", "name").addSelect("p.n", "n").from(Plain, "p"))
      .execute();
  }),
  operation("QB update entity", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().update(Plain).set({ n: 2 }).where("id = :id", { id }).execute(),
  ),
  operation("QB update useTransaction(true)", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().update(Plain).set({ n: 2 }).where({ id }).useTransaction(true).execute(),
  ),
  operation("QB update whereEntity", one, ({ dataSource }, row) =>
    dataSource
      .createQueryBuilder()
      .update(Plain)
      .set({ n: 2 })
      .whereEntity(row)
      .updateEntity(false)
      .execute(),
  ),
  operation("QB update callListeners(false)", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().update(Plain).set({ n: 2 }).where({ id }).callListeners(false).execute(),
  ),
  operation("QB update by table name string", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().update("plain").set({ n: 2 }).where("id = :id", { id }).execute(),
  ),
  operation("QB delete entity", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().delete().from(Plain).where({ id }).execute(),
  ),
  operation("QB delete callListeners(false)", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().delete().from(Plain).where({ id }).callListeners(false).execute(),
  ),
  operation("QB delete by table name string", one, ({ dataSource }, { id }) =>
    dataSource.createQueryBuilder().delete().from("plain").where("id = :id", { id }).execute(),
  ),
  operation(
    "QB softDelete",
    ({ dataSource }) => dataSource.getRepository(Soft).save({ name: "s" }),
    ({ dataSource }, { id }) =>
      dataSource.createQueryBuilder().softDelete().from(Soft).where({ id }).execute(),
  ),
  operation(
    "QB restore",
    async ({ dataSource }) => {
      const row = await dataSource.getRepository(Soft).save({ name: "s" });
      await dataSource.getRepository(Soft).softDelete(row.id);
      return row;
    },
    ({ dataSource }, { id }) => dataSource.createQueryBuilder().restore().from(Soft).where({ id }).execute(),
  ),
  operation(
    "QB with CTE: select addCommonTableExpression data-modifying",
    one,
    async ({ dataSource, database }) => {
      if (database.sql.writingCte === null) return;
      await dataSource
        .createQueryBuilder()
        .addCommonTableExpression(database.sql.writingCte, "w")
        .select("*")
        .from("w", "w")
        .getRawMany();
    },
  ),
  operation("raw ds.query UPDATE", one, ({ dataSource }) =>
    dataSource.query("UPDATE plain SET n = n + 1 WHERE n = 1"),
  ),
  operation("raw ds.sql`` UPDATE", one, async ({ dataSource, has }) => {
    if (has(dataSource, "sql")) await dataSource.sql`UPDATE plain SET n = ${5} WHERE n = ${1}`;
    else await dataSource.query("UPDATE plain SET n = 5 WHERE n = 1");
  }),
  operation("raw multi-statement", one, async ({ dataSource, database }) => {
    if (database.sql.many !== null) await dataSource.query(database.sql.many);
  }),
  operation("raw stream() of UPDATE..RETURNING", one, async ({ dataSource }) => {
    // The study called the connection itself here, below the query runner.
    const runner = dataSource.createQueryRunner();
    const connection = (await runner.connect()) as Record<"query" | "run" | "exec", (sql: string) => unknown>;
    const sql = "UPDATE plain SET n = n + 1 WHERE n = 1";
    try {
      const running = (connection.query ?? connection.exec).call(connection, sql) as Partial<Streamed>;
      // mysql2 gives what can be read, but refuses to be awaited.
      if (running.stream) await finished(running.stream().resume());
      else await running;
    } finally {
      await runner.release();
    }
  }),
  operation("@BeforeInsert listener changes entity", null, lst),
  operation("@BeforeUpdate listener changes entity (class instance)", lst, async ({ dataSource }, row) => {
    row.name = "m";
    await dataSource.getRepository(Lst).save(row);
  }),
  operation("@BeforeUpdate listener, plain object save", lst, ({ dataSource }, { id }) =>
    dataSource.getRepository(Lst).save({ id, name: "m" }),
  ),
  operation("other subscriber mutates entity in beforeUpdate", one, async ({ dataSource }, row) => {
    await withSubscriber(
      dataSource,
      { beforeUpdate: ({ entity }) => void Object.assign(entity, { n: 77 }) },
      () => dataSource.getRepository(Plain).save({ ...row, name: "b" }),
    );
  }),
  operation("beforeUpdate reverts the change (no SQL)", one, async ({ dataSource }, row) => {
    await withSubscriber(
      dataSource,
      { beforeUpdate: ({ entity }) => void Object.assign(entity, { name: "a" }) },
      () => dataSource.getRepository(Plain).save(Object.assign(row, { name: "b" })),
    );
  }),
  operation("afterInsert subscriber saves another entity", null, async ({ dataSource }) => {
    let once = true;
    await withSubscriber(
      dataSource,
      {
        afterInsert: async ({ manager }) => {
          if (once) {
            once = false;
            await manager.save(Plain, { name: "second" });
          }
        },
      },
      () => dataSource.getRepository(Plain).save({ name: "first" }),
    );
  }),
  operation(
    "failed insert (unique violation) (fails)",
    up,
    ({ dataSource }) => dataSource.getRepository(Up).save({ key: "kk" }),
    {
      fails: true,
    },
  ),
  operation(
    "save partial failure in chunk of ops (3rd violates) (fails)",
    up,
    ({ dataSource }) => dataSource.getRepository(Up).save([{ key: "1" }, { key: "2" }, { key: "kk" }]),
    { fails: true },
  ),
];

interface Streamed {
  stream(): Readable;
}

interface Hooks {
  beforeUpdate?(event: { entity: object }): void;
  afterInsert?(event: { manager: World["dataSource"]["manager"] }): Promise<void>;
}

async function withSubscriber(
  dataSource: World["dataSource"],
  hooks: Hooks,
  work: () => Promise<unknown>,
): Promise<void> {
  const subscriber = { listenTo: () => Plain, ...hooks } as never;
  dataSource.subscribers.push(subscriber);
  try {
    await work();
  } finally {
    dataSource.subscribers.splice(dataSource.subscribers.indexOf(subscriber), 1);
  }
}
