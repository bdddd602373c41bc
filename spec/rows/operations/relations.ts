import { operation, type Operation, type World } from "./operation.js";
import { Member, Node1, Post, Soft, Tag, Team } from "./entities.js";

async function softs({ dataSource }: World): Promise<number[]> {
  const rows = await dataSource.getRepository(Soft).save([{ name: "s" }, { name: "s" }]);
  return rows.map((row) => row.id);
}
async function deleted(world: World): Promise<number[]> {
  const ids = await softs(world);
  await world.dataSource.getRepository(Soft).softDelete(ids);
  return ids;
}
async function tagged({ dataSource }: World): Promise<{ post: Post; tags: Tag[] }> {
  const tags = await dataSource.getRepository(Tag).save([{ name: "a" }, { name: "b" }, { name: "c" }]);
  const post = await dataSource.getRepository(Post).save({ title: "p", tags: tags.slice(0, 2) });
  return { post, tags };
}
async function teams({ dataSource }: World): Promise<{ one: Team; other: Team }> {
  const one = await dataSource.getRepository(Team).save({ name: "one", members: [{ name: "m" }] });
  const other = await dataSource.getRepository(Team).save({ name: "other", members: [{ name: "n" }] });
  return { one, other };
}
const tagsOf = ({ dataSource }: World, post: Post) =>
  dataSource.createQueryBuilder().relation(Post, "tags").of(post.id);
const repost = ({ dataSource }: World, id: number, tags: Tag[]): Promise<Post> =>
  dataSource.getRepository(Post).save({ id, title: "p", tags });
async function tree({ dataSource }: World): Promise<Node1[]> {
  const nodes = dataSource.getTreeRepository(Node1);
  const root = await nodes.save({ name: "root" });
  const other = await nodes.save({ name: "other" });
  const child = await nodes.save({ name: "child", parent: root });
  return [root, other, child] as Node1[];
}

/** Soft deletes by criteria, many-to-many, RelationQueryBuilder, closure trees. */
export const relations: Operation[] = [
  operation("softDelete(id)", softs, ({ dataSource }, [id]) =>
    dataSource.getRepository(Soft).softDelete(id!),
  ),
  operation("softDelete(criteria many)", softs, ({ dataSource }) =>
    dataSource.getRepository(Soft).softDelete({ name: "s" }),
  ),
  operation("softDelete again (already deleted rows match?)", deleted, ({ dataSource }) =>
    dataSource.getRepository(Soft).softDelete({ name: "s" }),
  ),
  operation("restore(criteria)", deleted, ({ dataSource }) =>
    dataSource.getRepository(Soft).restore({ name: "s" }),
  ),
  operation("restore again (not deleted)", softs, ({ dataSource }) =>
    dataSource.getRepository(Soft).restore({ name: "s" }),
  ),
  operation(
    "m2m save insert with 2 tags",
    ({ dataSource }) => dataSource.getRepository(Tag).save([{ name: "a" }, { name: "b" }]),
    ({ dataSource }, tags) => dataSource.getRepository(Post).save({ title: "p", tags }),
  ),
  operation("m2m add via save", tagged, (world, { post, tags }) => repost(world, post.id, tags)),
  operation("m2m remove via save", tagged, (world, { post, tags }) => repost(world, post.id, [tags[0]!])),
  operation("m2m replace via save", tagged, (world, { post, tags }) =>
    repost(world, post.id, [tags[0]!, tags[2]!]),
  ),
  operation("m2m clear via save []", tagged, (world, { post }) => repost(world, post.id, [])),
  operation("remove owner of m2m (tags not loaded)", tagged, async ({ dataSource }, { post }) => {
    const row = await dataSource.getRepository(Post).findOneByOrFail({ id: post.id });
    await dataSource.getRepository(Post).remove(row);
  }),
  operation("remove inverse side of m2m", tagged, async ({ dataSource }, { tags }) => {
    const row = await dataSource.getRepository(Tag).findOneByOrFail({ id: tags[0]!.id });
    await dataSource.getRepository(Tag).remove(row);
  }),
  operation("delete(criteria) owner of m2m", tagged, ({ dataSource }, { post }) =>
    dataSource.getRepository(Post).delete({ id: post.id }),
  ),
  operation(
    "RelationQB m2m add",
    async (world) => {
      const { post, tags } = await tagged(world);
      await repost(world, post.id, []);
      return { post, tags };
    },
    (world, { post, tags }) => tagsOf(world, post).add([tags[0]!.id, tags[1]!.id]),
  ),
  operation("RelationQB m2m remove", tagged, (world, { post, tags }) =>
    tagsOf(world, post).remove(tags[0]!.id),
  ),
  operation("RelationQB m2m addAndRemove", tagged, (world, { post, tags }) =>
    tagsOf(world, post).addAndRemove(tags[2]!.id, tags[0]!.id),
  ),
  operation("RelationQB many-to-one set", teams, ({ dataSource }, { one, other }) =>
    dataSource.createQueryBuilder().relation(Member, "team").of(one.members[0]!.id).set(other.id),
  ),
  operation("RelationQB one-to-many add", teams, ({ dataSource }, { one, other }) =>
    dataSource.createQueryBuilder().relation(Team, "members").of(other.id).add(one.members[0]!.id),
  ),
  operation("RelationQB one-to-many remove", teams, ({ dataSource }, { one }) =>
    dataSource.createQueryBuilder().relation(Team, "members").of(one.id).remove(one.members[0]!.id),
  ),
  operation("tree insert root", null, ({ dataSource }) =>
    dataSource.getTreeRepository(Node1).save({ name: "root" }),
  ),
  operation("tree insert child", tree, ({ dataSource }, [root]) =>
    dataSource.getTreeRepository(Node1).save({ name: "new", parent: root! }),
  ),
  operation("tree move", tree, async ({ dataSource }, [, other, child]) => {
    child!.parent = other!;
    await dataSource.getTreeRepository(Node1).save(child!);
  }),
  operation("tree remove root", tree, async ({ dataSource }, [root]) => {
    const row = await dataSource.getTreeRepository(Node1).findOneByOrFail({ id: root!.id });
    await dataSource.getTreeRepository(Node1).remove(row);
  }),
];
