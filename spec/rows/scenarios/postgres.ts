/**
 * How a connection to PostgreSQL is lost, before and under a COMMIT.
 */
import { createServer, connect, type AddressInfo, type Server } from "node:net";
import { once } from "node:events";
import type { DataSource, QueryRunner } from "typeorm";
import { add, scenario, withRunner, type Scenario, type Stage } from "./scenario.js";

const backendOf = async (runner: QueryRunner): Promise<number> =>
  ((await runner.query("SELECT pg_backend_pid() AS pid")) as { pid: number }[])[0]!.pid;

/** Ends the backend, and waits until the application has heard of it. */
async function kill({ witness }: Stage, runner: QueryRunner): Promise<void> {
  const pid = await backendOf(runner);
  const client = (await runner.connect()) as NodeJS.EventEmitter;
  const ended = new Promise((resolve) => client.once("end", resolve));
  await witness.query("SELECT pg_terminate_backend($1)", [pid]);
  await ended;
}

export const lost: readonly Scenario[] = [
  scenario("a backend killed between two statements of a transaction", ["c"], async (stage) => {
    const { dataSource, see } = stage;
    await see(
      "transaction",
      dataSource.transaction(async (m) => {
        await add(m, "a");
        await kill(stage, m.queryRunner!);
        await see("insert", add(m, "b"));
      }),
    );
    await see("the next user's insert", add(dataSource.manager, "c"));
  }),
  scenario("a backend killed under a statement of a transaction", ["c"], async ({ dataSource, see }) => {
    await see(
      "transaction",
      dataSource.transaction(async (m) => {
        await add(m, "a");
        await see("kill", m.query("SELECT pg_terminate_backend(pg_backend_pid())"));
      }),
    );
    await see("the next user's insert", add(dataSource.manager, "c"));
  }),
  scenario("a backend killed in a transaction by hand", ["c"], async (stage) => {
    const { dataSource, see } = stage;
    await withRunner(dataSource, async (runner, manager) => {
      await runner.startTransaction();
      await add(manager, "a");
      await kill(stage, runner);
      await see("commit", runner.commitTransaction());
      await see("rollback", runner.rollbackTransaction());
    });
    await see("the next user's insert", add(dataSource.manager, "c"));
  }),
  ...(["transaction()", "by hand", "autocommit"] as const).map((how) =>
    scenario(
      `a connection cut after the server has committed and before it could say so: ${how}`,
      ["a"],
      async (stage) => {
        const proxy = await cutting(how === "autocommit" ? "INSERT" : "COMMIT");
        try {
          const { port } = proxy.address() as AddressInfo;
          await committed(stage, await stage.open({ host: "127.0.0.1", port }), how);
        } finally {
          proxy.close();
        }
      },
      { doubt: how === "autocommit" ? "statement" : "rows" },
    ),
  ),
];

async function committed(
  { see }: Stage,
  dataSource: DataSource,
  how: "transaction()" | "by hand" | "autocommit",
): Promise<void> {
  if (how === "transaction()")
    await see(
      "transaction",
      dataSource.transaction((m) => add(m, "a")),
    );
  else if (how === "autocommit") await see("insert", add(dataSource.manager, "a"));
  else
    await withRunner(dataSource, async (runner, manager) => {
      await runner.startTransaction();
      await add(manager, "a");
      await see("commit", runner.commitTransaction());
      await see("rollback", runner.rollbackTransaction());
    });
}

/** A way to the server that is cut at the answer to the first message that has the word. */
async function cutting(word: string): Promise<Server> {
  const server = createServer((client) => {
    const upstream = connect(Number(process.env["PGPORT"] ?? 5432), process.env["PGHOST"] ?? "127.0.0.1");
    let cut = false;
    client.on("data", (chunk) => {
      cut ||= chunk.includes(word);
      upstream.write(chunk);
    });
    upstream.on("data", (chunk) => {
      if (!cut) client.write(chunk);
      else client.destroy();
    });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on("error", () => {});
      one.on("close", () => other.destroy());
    }
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return server;
}
