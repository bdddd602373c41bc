import type { World } from "./operation.js";
import { operation, type Operation } from "./operation.js";
import {
  Animal,
  Comp,
  DbChild,
  Deflt,
  Dog,
  Member,
  Parent,
  Plain,
  Secret,
  Soft,
  Team,
  Ver,
  WithEmb,
} from "./entities.js";

const plain = ({ dataSource }: World, name = "a", n = 1): Promise<Plain> =>
  dataSource.getRepository(Plain).save({ name, n });
const secret = ({ dataSource }: World): Promise<Secret> =>
  dataSource.getRepository(Secret).save({ password: "pw", login: "anna", roles: ["a", "b"] });
const family = ({ dataSource }: World): Promise<Parent> =>
  dataSource.getRepository(Parent).save({ name: "p", children: [{ name: "c1" }, { name: "c2" }] });
const team = ({ dataSource }: World): Promise<Team> =>
  dataSource.getRepository(Team).save({ name: "t", members: [{ name: "m1" }, { name: "m2" }] });
const comp = async ({ dataSource }: World): Promise<void> => {
  await dataSource.getRepository(Comp).insert([
    { a: 1, b: "x", val: "v" },
    { a: 2, b: "y", val: "v" },
  ]);
};

/** Everything that goes through `save` and `remove`. */
export const saves: Operation[] = [
  operation("save insert", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).save({ name: "a", n: 1 }),
  ),
  operation("save insert DB defaults (@CreateDate, default, uuid)", null, ({ dataSource }) =>
    dataSource.getRepository(Deflt).save({ js: { a: [1, null], ü: "'" } }),
  ),
  operation("save insert {reload:false}", null, ({ dataSource }) =>
    dataSource.getRepository(Deflt).save({ js: 1 }, { reload: false }),
  ),
  operation("save insert embedded", null, ({ dataSource }) =>
    dataSource.getRepository(WithEmb).save({ name: "e", address: { street: "s", city: "c" } }),
  ),
  operation("save update (loaded entity)", plain, async ({ dataSource }, { id }) => {
    const row = await dataSource.getRepository(Plain).findOneByOrFail({ id });
    row.name = "b";
    await dataSource.getRepository(Plain).save(row);
  }),
  operation(
    "save update embedded col",
    ({ dataSource }) =>
      dataSource.getRepository(WithEmb).save({ name: "e", address: { street: "s", city: "c" } }),
    async ({ dataSource }, { id }) => {
      const row = await dataSource.getRepository(WithEmb).findOneByOrFail({ id });
      row.address.city = "d";
      await dataSource.getRepository(WithEmb).save(row);
    },
  ),
  operation("save no-op", plain, async ({ dataSource }, { id }) => {
    const row = await dataSource.getRepository(Plain).findOneByOrFail({ id });
    await dataSource.getRepository(Plain).save(row);
  }),
  operation("save partial object by id", plain, ({ dataSource }, { id }) =>
    dataSource.getRepository(Plain).save({ id, n: 2 }),
  ),
  operation("save partial by id, unchanged value", plain, ({ dataSource }, { id }) =>
    dataSource.getRepository(Plain).save({ id, n: 1 }),
  ),
  operation("save with id that does not exist", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).save({ id: 99999, name: "new", n: 1 }),
  ),
  operation("save update: function value", plain, ({ dataSource }, { id }) =>
    dataSource.getRepository(Plain).save({ id, note: () => "'made by SQL'" } as never),
  ),
  operation(
    "save versioned update",
    ({ dataSource }) => dataSource.getRepository(Ver).save({ name: "v" }),
    async ({ dataSource }, { id }) => {
      const row = await dataSource.getRepository(Ver).findOneByOrFail({ id });
      row.name = "w";
      await dataSource.getRepository(Ver).save(row);
    },
  ),
  operation("save composite pk update", comp, ({ dataSource }) =>
    dataSource.getRepository(Comp).save({ a: 1, b: "x", val: "w" }),
  ),
  operation("save select:false column update (partial obj)", secret, ({ dataSource }, { id }) =>
    dataSource.getRepository(Secret).save({ id, password: "new" }),
  ),
  operation("save select:false column same value", secret, ({ dataSource }, { id }) =>
    dataSource.getRepository(Secret).save({ id, password: "pw" }),
  ),
  operation("save loaded entity with select:false untouched", secret, async ({ dataSource }, { id }) => {
    const row = await dataSource.getRepository(Secret).findOneByOrFail({ id });
    row.roles = ["c"];
    await dataSource.getRepository(Secret).save(row);
  }),
  operation("save transformer column", secret, ({ dataSource }, { id }) =>
    dataSource.getRepository(Secret).save({ id, login: "berta" }),
  ),
  operation("save STI child insert", null, ({ dataSource }) =>
    dataSource.getRepository(Dog).save({ name: "d", bark: "w" }),
  ),
  operation(
    "save STI child update via base repo",
    ({ dataSource }) => dataSource.getRepository(Dog).save({ name: "d", bark: "w" }),
    async ({ dataSource }, { id }) => {
      const row = (await dataSource.getRepository(Animal).findOneByOrFail({ id })) as Dog;
      row.bark = "wuff";
      await dataSource.getRepository(Animal).save(row);
    },
  ),
  operation("save many (3 inserts)", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).save([{ name: "a" }, { name: "b" }, { name: "c" }]),
  ),
  operation("save many chunk:2 (5 inserts)", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).save(
      ["a", "b", "c", "d", "e"].map((name) => ({ name })),
      { chunk: 2 },
    ),
  ),
  operation("save {transaction:false}", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).save({ name: "a" }, { transaction: false }),
  ),
  operation("save {listeners:false} insert", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).save({ name: "a" }, { listeners: false }),
  ),
  operation("save {listeners:false} update", plain, ({ dataSource }, { id }) =>
    dataSource.getRepository(Plain).save({ id, name: "b" }, { listeners: false }),
  ),
  operation("remove {listeners:false}", plain, ({ dataSource }, row) =>
    dataSource.getRepository(Plain).remove(row, { listeners: false }),
  ),
  operation("cascade insert (1 parent + 2 children)", null, family),
  operation("cascade update (one child)", family, async ({ dataSource }, row) => {
    row.children[0]!.name = "changed";
    await dataSource.getRepository(Parent).save(row);
  }),
  operation("orphan removal (orphanedRowAction delete)", family, async ({ dataSource }, row) => {
    row.children.pop();
    await dataSource.getRepository(Parent).save(row);
  }),
  operation("orphan nullify (default)", team, async ({ dataSource }, row) => {
    row.members.pop();
    await dataSource.getRepository(Team).save(row);
  }),
  operation(
    "ManyToOne FK change via save",
    async (world) => [await team(world), await team(world)] as const,
    ({ dataSource }, [one, other]) =>
      dataSource.getRepository(Member).save({ id: one.members[0]!.id, team: { id: other.id } }),
  ),
  operation(
    "remove parent, DB ON DELETE CASCADE child",
    async ({ dataSource }) => {
      const parent = await dataSource.getRepository(Parent).save({ name: "p" });
      await dataSource.getRepository(DbChild).insert([
        { name: "x", parent },
        { name: "y", parent },
      ]);
      return parent;
    },
    ({ dataSource }, parent) => dataSource.getRepository(Parent).remove(parent),
  ),
  operation(
    "remove team, DB ON DELETE SET NULL member",
    async ({ dataSource }) => dataSource.getRepository(Team).save({ name: "t", members: [{ name: "m" }] }),
    async ({ dataSource }, { id }) =>
      dataSource.getRepository(Team).remove(await dataSource.getRepository(Team).findOneByOrFail({ id })),
  ),
  operation(
    "delete(criteria) parent with DB cascade child",
    async ({ dataSource }) => {
      const parent = await dataSource.getRepository(Parent).save({ name: "p" });
      await dataSource.getRepository(DbChild).insert({ name: "x", parent });
      return parent.id;
    },
    ({ dataSource }, id) => dataSource.getRepository(Parent).delete({ id }),
  ),
  operation("remove", plain, ({ dataSource }, row) => dataSource.getRepository(Plain).remove(row)),
  operation(
    "remove many",
    async (world) => [await plain(world), await plain(world), await plain(world)],
    ({ dataSource }, rows) => dataSource.getRepository(Plain).remove(rows),
  ),
  operation("remove partial object {id}", plain, ({ dataSource }, { id }) =>
    dataSource.getRepository(Plain).remove(dataSource.getRepository(Plain).create({ id })),
  ),
  operation("remove non-existing", null, ({ dataSource }) =>
    dataSource.getRepository(Plain).remove(dataSource.getRepository(Plain).create({ id: 4711 })),
  ),
  operation("softRemove", soft, ({ dataSource }, row) => dataSource.getRepository(Soft).softRemove(row)),
  operation(
    "recover",
    async (world) => world.dataSource.getRepository(Soft).softRemove(await soft(world)),
    ({ dataSource }, row) => dataSource.getRepository(Soft).recover(row),
  ),
  operation(
    "softRemove already soft-removed",
    async (world) => world.dataSource.getRepository(Soft).softRemove(await soft(world)),
    ({ dataSource }, row) => dataSource.getRepository(Soft).softRemove(row),
  ),
];

function soft({ dataSource }: World): Promise<Soft> {
  return dataSource.getRepository(Soft).save({ name: "s" });
}
