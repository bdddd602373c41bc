/**
 * Subscribers of the application's that throw, in every event, and that write.
 *
 * Most of what follows from a throw is a defect of TypeORM's: transactions left open in the pool, an outer one
 * rolled back for an inner one's sake. None of it may be worse, or better, with us.
 */
import type { EntitySubscriberInterface } from "typeorm";
import { Plain } from "../operations/entities.js";
import { add, differing, scenario, stop, subscribe, type Scenario, type Stage } from "./scenario.js";

type EventName = Exclude<keyof EntitySubscriberInterface, "listenTo">;

/** Throws in the event for the first, the second … time. */
function throwing({ dataSource }: Stage, event: EventName, time: number): void {
  let times = 0;
  subscribe(dataSource, {
    [event]: async (): Promise<void> => {
      times += 1;
      if (times === time) throw new Error(`${event} ${time}`);
    },
  });
}

/** A transaction with one that commits and one that rolls back in it, and the next user of the pool. */
async function nested({ dataSource, see }: Stage): Promise<void> {
  await see(
    "outer",
    dataSource.transaction(async (m) => {
      await see("first insert", add(m, "a"));
      await see(
        "inner",
        m.transaction(async (inner) => {
          await see("inner insert", add(inner, "b"));
        }),
      );
      await see(
        "inner that rolls back",
        m.transaction(async (inner) => {
          await see("lost insert", add(inner, "c"));
          throw stop;
        }),
      );
      await see("last insert", add(m, "d"));
    }),
  );
  await see("the next user's insert", add(dataSource.manager, "e"));
  await see(
    "the next user's transaction",
    dataSource.transaction((m) => add(m, "f")),
  );
}

type Left = Scenario["leaves"];
const all = (names: string): Left => [...names];

/** What is left in `plain` if the event throws the first, second or third time. */
const throws: readonly (readonly [event: EventName, left: readonly [Left, Left, Left]])[] = [
  ["beforeTransactionStart", [all("ef"), all("adef"), differing({ postgres: "abdef", sqlite: "" })]],
  ["afterTransactionStart", [all("ef"), all("adef"), all("abdef")]],
  ["beforeTransactionCommit", [all("adef"), all("ef"), all("abde")]],
  ["afterTransactionCommit", [all("def"), all("abdef"), all("abdef")]],
  ["beforeTransactionRollback", [differing({ postgres: "abcdef", sqlite: "" }), all("abdef"), all("abdef")]],
  ["afterTransactionRollback", [all("abdef"), all("abdef"), all("abdef")]],
  ["beforeInsert", [all("bdef"), all("adef"), all("abdef")]],
  ["afterInsert", [all("abdef"), all("abdef"), all("abdef")]],
  ["beforeQuery", [all("ef"), all("bdef"), all("def")]],
  ["afterQuery", [differing({ postgres: "ef", sqlite: "e" }), all("abdef"), all("def")]],
];

export const subscribers: readonly Scenario[] = [
  ...throws.flatMap(([event, left]) =>
    left.map((names, index) =>
      scenario(`${event} that throws, at call ${index + 1}`, names, async (stage) => {
        throwing(stage, event, index + 1);
        await nested(stage);
      }),
    ),
  ),
  scenario(
    "afterTransactionCommit that throws: committed, and an error for the caller",
    ["a"],
    async (stage) => {
      throwing(stage, "afterTransactionCommit", 1);
      await stage.see(
        "transaction",
        stage.dataSource.transaction((m) => add(m, "a")),
      );
    },
  ),
  ...(["afterInsert", "afterQuery"] as const).map((event) =>
    scenario(`${event} that throws outside of a transaction: the row is committed`, ["a"], async (stage) => {
      throwing(stage, event, 1);
      await stage.see("insert", stage.dataSource.manager.query("INSERT INTO plain (name) VALUES ('a')"));
    }),
  ),
  scenario(
    "beforeTransactionCommit that writes: in the same transaction",
    ["a", "written"],
    async ({ dataSource, see }) => {
      let written = false;
      subscribe(dataSource, {
        beforeTransactionCommit: async ({ manager }) => {
          if (written) return;
          written = true;
          await add(manager, "written");
        },
      });
      await see(
        "transaction",
        dataSource.transaction((m) => add(m, "a")),
      );
    },
  ),
  ...[false, true].map((fails) =>
    scenario(
      `afterInsert that saves, in a transaction that ${fails ? "rolls back" : "commits"}`,
      fails ? [] : ["a", "after a"],
      async ({ dataSource, see }) => {
        subscribe(dataSource, {
          afterInsert: async ({ entity, manager }) => {
            const { name } = entity as Plain;
            if (!name.startsWith("after")) await manager.save(Plain, { name: `after ${name}` });
          },
        });
        await see(
          "transaction",
          dataSource.transaction(async (m) => {
            await m.save(Plain, { name: "a" });
            if (fails) throw stop;
          }),
        );
      },
    ),
  ),
  scenario(
    "afterTransactionCommit that saves: in a transaction of its own",
    ["a", "after"],
    async ({ dataSource, see }) => {
      let saved = false;
      subscribe(dataSource, {
        afterTransactionCommit: async ({ manager }) => {
          if (saved) return;
          saved = true;
          await manager.save(Plain, { name: "after" });
        },
      });
      await see(
        "transaction",
        dataSource.transaction((m) => add(m, "a")),
      );
    },
  ),
];
