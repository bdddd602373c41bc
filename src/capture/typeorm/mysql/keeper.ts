/**
 * With an outbox: sees to it that a statement has its record whatever becomes of this process. It is committed with its
 * record, or told of before.
 *
 * @module
 */
import type { AuditContext } from "../../../context/context.js";
import type { Outbox } from "./outbox.js";
import type { Statement } from "./statement.js";
import type { Targets } from "./targets.js";
import type { ToldStatement } from "./told.js";
import { answerWith, type Answer } from "./wire.js";
import type { Done, Work } from "./work.js";

export class Keeper {
  readonly #outbox: Outbox | null;
  readonly #targets: Targets;
  readonly #told: (sql: string, values?: readonly unknown[]) => ToldStatement;

  constructor(
    outbox: Outbox | null,
    targets: Targets,
    told: (sql: string, values?: readonly unknown[]) => ToldStatement,
  ) {
    this.#outbox = outbox;
    this.#targets = targets;
    this.#told = told;
  }

  /** By a transaction with its record, or by an intent before it; `null`: there is nothing to record. */
  async how(
    work: Work | null,
    statement: Statement,
    context: AuditContext | undefined,
  ): Promise<"transaction" | "intent" | null> {
    if (!this.#outbox || context?.muted) return null;
    if (work) return work.table.transactional ? "transaction" : "intent";
    if (statement.kind === "truncate") return "intent";
    if (statement.kind !== "opaque") return null;
    if (statement.anywhere) return "intent";
    let recorded = false;
    for (const ref of statement.tables) {
      const table = await this.#targets.concerned(ref);
      if (table && table.base === null && !table.transactional) return "intent";
      recorded ||= table !== null;
    }
    return recorded ? "transaction" : null;
  }

  async run(
    work: Work | null,
    statement: Statement,
    sql: string,
    context: AuditContext | undefined,
    run: () => Promise<Done>,
  ): Promise<Done> {
    const how = await this.how(work, statement, context);
    if (how === "transaction") return this.#outbox!.around(run);
    const refused = await this.declare(statement, sql, context, { parts: how === "intent" });
    return refused ? { answer: refused, changes: [] } : run();
  }

  /**
   * Before a statement that is committed by itself.
   *
   * @param values - of a prepared statement
   * @param parts - if it fails, a part of it may be done
   * @returns the error that the application is to get in its place
   */
  async declare(
    statement: Statement,
    sql: string,
    context: AuditContext | undefined,
    { values = [], parts = false }: { values?: readonly unknown[]; parts?: boolean } = {},
  ): Promise<Answer | null> {
    if (!this.#outbox) return null;
    const unanswered = answerWith(null);
    const changes = this.#targets.opaque(statement, () => this.#told(sql, values), unanswered, context);
    const commits = statement.kind === "truncate";
    const code = statement.kind === "opaque" && statement.anywhere;
    return this.#outbox.declare(changes, { atOnce: !code && (commits || !parts), commits });
  }
}
