/**
 * What is known of the session of one connection: its settings, and how its OK packets look.
 *
 * @module
 */
import type { FamilyLimits } from "../family.js";
import type { Catalog } from "./catalog.js";
import type { Raw } from "./image.js";
import { scan } from "./scan.js";
import { declareVariables, settingsOf, settingsQuery, type Settings } from "./settings.js";
import type { TableRef, Tokens } from "./statement.js";
import type { Targets } from "./targets.js";
import type { Transaction } from "./transaction.js";
import type { Answer, Header, Wire } from "./wire.js";
import type { Session } from "./work.js";

interface Shared {
  readonly catalog: Catalog;
  readonly adjust: (settings: Settings) => Settings;
}

export class SessionFacts {
  readonly #wire: Wire;
  readonly #shared: Shared;
  readonly #transaction: Transaction;
  readonly #targets: Targets;
  /** `null`: not read yet. */
  settings: Settings | null = null;
  /** A statement may change them: they are read again before the one that follows it. */
  #stale = false;
  /** Any OK packet of this connection, to make others like it. */
  header: Header | null = null;

  constructor(wire: Wire, shared: Shared, transaction: Transaction, targets: Targets) {
    this.#wire = wire;
    this.#shared = shared;
    this.#transaction = transaction;
    this.#targets = targets;
  }

  forget(): void {
    this.settings = null;
  }

  /** Looks for what may change the settings. The statement itself still runs under those that are known. */
  follow(sql: string): void {
    this.#stale ||=
      /\bsql_mode\b|\bset\s+(?:names|char)|\bcharacter_set_results\b|\bforeign_key_checks\b/i.test(sql);
  }

  heard({ headers }: Answer): void {
    this.header ??= headers[0] ?? null;
  }

  /** Reads what the session allows, once, and again after a SET that may have changed it. */
  async prepare(): Promise<void> {
    if (this.settings && !this.#stale) return;
    const ok = await this.#wire.ask(declareVariables);
    this.heard(ok);
    this.#transaction.resolve(ok);
    const answer = await this.#wire.ask(settingsQuery);
    if (answer.error) throw answer.error;
    const [row] = answer.rows as Raw[][];
    this.settings = this.#shared.adjust(settingsOf(row!));
    this.#stale = false;
    this.#targets.use(this.settings.database);
    if (this.settings.foldsNames) this.#shared.catalog.foldNames();
  }

  /** What a write works with, once all is prepared. */
  session(limits: FamilyLimits): Session {
    const transaction = this.#transaction;
    return {
      settings: this.settings!,
      limits,
      header: this.header,
      countsFound: this.#wire.countsFound,
      get inTransaction() {
        return transaction.active;
      },
      get tablesLocked() {
        return transaction.tablesLocked;
      },
      get full() {
        return transaction.full;
      },
      ask: (sql) => this.#wire.ask(sql),
      table: (ref: TableRef) => this.#targets.table(ref),
      tableChanged: () => this.#shared.catalog.forget(),
    };
  }

  scan(sql: string): Tokens["list"] | null {
    this.follow(sql);
    return scan(sql, this.settings ?? { ansiQuotes: false, plainBackslash: false });
  }
}

/** Names, as text. @throws what the server answers */
export async function askNames(wire: Wire, sql: string): Promise<(string | null)[][]> {
  const answer = await wire.askText(sql);
  if (answer.error) throw answer.error;
  return answer.rows as (string | null)[][];
}
