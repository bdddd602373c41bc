import { operation, type Operation, type World } from "./operation.js";
import { Comp, Deflt, Lst, Plain, Up, Ver } from "./entities.js";

async function two({ dataSource }: World): Promise<number> {
  const [first] = await dataSource.getRepository(Plain).save([
    { name: "a", n: 1 },
    { name: "a", n: 2 },
    { name: "other", n: 3 },
  ]);
  return first!.id;
}
async function comps({ dataSource }: World): Promise<void> {
  await dataSource.getRepository(Comp).insert([
    { a: 1, b: "x", val: "v" },
    { a: 2, b: "y", val: "v" },
  ]);
}
const up = async ({ dataSource }: World): Promise<void> => {
  await dataSource.getRepository(Up).insert({ key: "k", val: "v" });
};

/** `insert`, `update`, `upsert`, `delete` and the other one-statement methods of a repository. */
export const repositories: Operation[] = [
  operation("insert(one)", null, ({ dataSource }) => dataSource.getRepository(Plain).insert({ name: "a" })),
  operation("insert(many)", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).insert([{ name: "a" }, { name: "b", n: 2 }]),
  ),
  operation("insert Deflt (DB defaults)", null, ({ dataSource }) =>
    dataSource.getRepository(Deflt).insert({}),
  ),
  operation("update(id)", two, ({ dataSource }, id) =>
    dataSource.getRepository(Plain).update(id, { name: "b" }),
  ),
  operation("update(criteria 2 rows)", two, ({ dataSource }) =>
    dataSource.getRepository(Plain).update({ name: "a" }, { n: 9 }),
  ),
  operation("update(criteria) 0 rows", two, ({ dataSource }) =>
    dataSource.getRepository(Plain).update({ name: "nobody" }, { n: 9 }),
  ),
  operation("update changing the criteria column", two, ({ dataSource }) =>
    dataSource.getRepository(Plain).update({ name: "a" }, { name: "b" }),
  ),
  operation("update same values (no-op at value level)", two, ({ dataSource }, id) =>
    dataSource.getRepository(Plain).update(id, { name: "a" }),
  ),
  operation("update with function value", two, ({ dataSource }, id) =>
    dataSource.getRepository(Plain).update(id, { n: () => "n + 10" }),
  ),
  operation(
    "update versioned(criteria)",
    ({ dataSource }) => dataSource.getRepository(Ver).save({ name: "v" }),
    ({ dataSource }) => dataSource.getRepository(Ver).update({ name: "v" }, { name: "w" }),
  ),
  operation("update(criteria,{returning:'*'})", two, async ({ dataSource, database }) => {
    const builder = dataSource.createQueryBuilder().update(Plain).set({ n: 9 }).where({ name: "a" });
    // Where the driver has no RETURNING, TypeORM itself refuses.
    await (database.lacks?.["returning"] ? builder : builder.returning("*")).execute();
  }),
  operation("updateAll", comps, ({ dataSource }) => {
    const repository = dataSource.getRepository(Comp);
    return "updateAll" in repository
      ? repository.updateAll({ val: "all" })
      : (dataSource as World["dataSource"]).createQueryBuilder().update(Comp).set({ val: "all" }).execute();
  }),
  operation("update primary key", comps, ({ dataSource }) =>
    dataSource.getRepository(Comp).update({ a: 1, b: "x" }, { a: 10 }),
  ),
  operation("upsert insert path", null, ({ dataSource }) =>
    dataSource.getRepository(Up).upsert({ key: "k", val: "v" }, ["key"]),
  ),
  operation("upsert update path", up, ({ dataSource }) =>
    dataSource.getRepository(Up).upsert({ key: "k", val: "w" }, ["key"]),
  ),
  operation("upsert mixed 2 rows", up, ({ dataSource }) =>
    dataSource.getRepository(Up).upsert(
      [
        { key: "k", val: "w" },
        { key: "new", val: "n" },
      ],
      ["key"],
    ),
  ),
  operation("upsert skipUpdateIfNoValuesChanged same", up, ({ dataSource, database }) =>
    dataSource.getRepository(Up).upsert(
      { key: "k", val: "v" },
      {
        conflictPaths: ["key"],
        skipUpdateIfNoValuesChanged: !database.lacks?.["skipUpdateIfNoValuesChanged"],
      },
    ),
  ),
  operation("delete(criteria 2 rows)", two, ({ dataSource }) =>
    dataSource.getRepository(Plain).delete({ name: "a" }),
  ),
  operation("delete(0 rows)", two, ({ dataSource }) =>
    dataSource.getRepository(Plain).delete({ name: "nobody" }),
  ),
  operation("increment", two, ({ dataSource }, id) =>
    dataSource.getRepository(Plain).increment({ id }, "n", 5),
  ),
  operation("decrement", two, ({ dataSource }, id) =>
    dataSource.getRepository(Plain).decrement({ id }, "n", 5),
  ),
  operation("deleteAll", comps, ({ dataSource }) => {
    const repository = dataSource.getRepository(Comp);
    return "deleteAll" in repository
      ? repository.deleteAll()
      : (dataSource as World["dataSource"]).createQueryBuilder().delete().from(Comp).execute();
  }),
  operation(
    "clear (TRUNCATE)",
    ({ dataSource }) => dataSource.getRepository(Lst).save({ name: "l" }),
    ({ dataSource }) => dataSource.getRepository(Lst).clear(),
  ),
];
