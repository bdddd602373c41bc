/**
 * Every error that activity-audit raises: a code that never changes, and a message that says
 * what was found, what the limit is, and the way out.
 *
 * Codes are part of the public contract; a spec holds this table and `docs/errors.md` equal.
 *
 * @module
 */

/* One line a code, grouped by stage. Arguments are typed by the code: see `AuditError`. */
const messages = {
  // options and start
  AUDIT_OPTION_INVALID: (path: string, found: string, expected: string) =>
    `Option \`${path}\` is ${found}; expected ${expected}.`,
  AUDIT_OPTION_UNKNOWN: (path: string, known: string) =>
    `There is no option \`${path}\`. Known options here: ${known}.`,
  AUDIT_NOT_STARTED: (call: string) =>
    `${call} needs a running audit. Call \`audit.start({ … })\` first, once, at the start of the process.`,
  AUDIT_ALREADY_STARTED: () =>
    `audit.start() was called while audit is running. Call it once, or \`await audit.stop()\` before the second call.`,
  AUDIT_TARGET_UNKNOWN: (found: string) =>
    `audit.attach() does not know what ${found} is. It takes a TypeORM DataSource, an axios instance, an ssh2-sftp-client, a Node server, or Passport.`,
  // decorators
  AUDIT_DECORATOR_MISPLACED: (decorator: string, found: string, allowed: string) =>
    `${decorator} stands on ${found}; it can stand on: ${allowed}.`,
  AUDIT_DECORATOR_METADATA: (decorator: string, found: string) =>
    `${decorator} on ${found} got no \`context.metadata\` from the compiler. ` +
    `Import "activity-audit" before the decorated class, and compile with TypeScript 5.2 or newer.`,
  AUDIT_DECORATOR_OPTION: (decorator: string, found: string, expected: string) =>
    `${decorator} was given ${found}; expected ${expected}.`,
  // rows
  AUDIT_DATABASE_UNSUPPORTED: (type: string) =>
    `Rows of a TypeORM DataSource of type "${type}" cannot be captured; that works with SQL databases. ` +
    `Do not attach this DataSource, and record what its rows go through with \`audit.record()\`.`,
  AUDIT_FIELD_UNKNOWN: (model: string, option: string, field: string, known: string) =>
    `@AuditEntity on ${model} names the field "${field}" in \`${option}\`, and ${model} has no such column. Its fields are: ${known}.`,
  AUDIT_OUTBOX_UNSUPPORTED: (type: string) =>
    `\`consistency: "outbox"\` is not to be had for a DataSource of type "${type}" with this way of capture. It works with postgres, mysql, mariadb, sqljs and better-sqlite3, and not with \`rows: "portable"\`. Leave \`consistency\` at "memory".`,
  AUDIT_OUTBOX_MISSING: (table: string, statement: string) =>
    `The outbox table ${table} is not there, and \`createOutbox\` is false. Make it by a migration: ${statement}`,
  AUDIT_OUTBOX_FAILED: (found: string) =>
    `The transaction was rolled back because its audit records could not be written to the outbox: ${found}. With \`onOutboxError: "record"\` it would have been committed.`,
  AUDIT_PEER_MISSING: (what: string, packages: string) =>
    `${what} needs the package ${packages}, which is not installed. Run \`npm install ${packages}\`.`,

  // log and writer
  AUDIT_DIRECTORY_UNWRITABLE: (path: string, found: string) =>
    `${path} cannot be written: ${found}. Make its directory, give this process the right to write there, or set \`directory\` to another.`,
  AUDIT_LOGGING_MISSING: (found: string) =>
    `${found}, so that every record would be lost. Call \`log4js.configure(auditLogging({ … }))\` before \`audit.start()\`.`,
  AUDIT_LOGGING_SILENT: (category: string, level: string, found: string) =>
    `log4js would drop the ${level} records of category "${category}": ${found}. Give the category the level "${level}" or a lower one, and an appender; \`auditLogging()\` does both.`,
  AUDIT_WRITER_FULL: (path: string, limit: number) =>
    `The ring of ${path} is full: ${limit} bytes wait to be written. Raise \`ringBytes\`, or set \`onFull\` to "block" or "drop".`,
  AUDIT_SEAL_KEY: (option: string, found: string) =>
    `\`seal.${option}\` cannot be used: ${found}. Give a key of at least 16 bytes, in the file or as it is; \`openssl rand -base64 32\` makes one, \`openssl genpkey -algorithm ed25519\` a signing key.`,
  AUDIT_FLUSH_TIMEOUT: (late: string, limit: number) =>
    `After ${limit} ms ${late}. What waits stays queued; see \`audit.health()\` for what the system says.`,

  // reading
  AUDIT_TRAIL_MISSING: (place: string, found: string) =>
    `There is nothing to read at ${place}: ${found}. Name the directory of the audit's files, or the files themselves.`,
  AUDIT_FILTER_INVALID: (option: string, found: string, expected: string) =>
    `\`${option}\` is ${JSON.stringify(found)}; expected ${expected}.`,
  AUDIT_SQL_REFUSED: (found: string) =>
    `The question cannot be answered: ${found.trimEnd()}. Ask one SELECT over \`records\`; \`DESCRIBE records\` shows its columns.`,
} as const;

type Messages = typeof messages;

/** The codes of all errors that activity-audit raises. */
export type AuditErrorCode = keyof Messages;

/**
 * An error of activity-audit. It is thrown while the application starts or is being configured, and by what reads a trail;
 * at run time faults are counted in `audit.health()` instead and never reach the application, but for
 * `AUDIT_WRITER_FULL` and `AUDIT_OUTBOX_FAILED`, which options ask for, and `AUDIT_FLUSH_TIMEOUT` of `audit.flush()`.
 *
 * @example
 * try {
 *   audit.start(options);
 * } catch (error) {
 *   if (error instanceof AuditError && error.code === "AUDIT_OPTION_INVALID") process.exitCode = 78;
 *   throw error;
 * }
 */
export class AuditError<Code extends AuditErrorCode = AuditErrorCode> extends Error {
  /** Always `AuditError`. */
  override readonly name = "AuditError";
  /** Stable, for programs. The message is for people, and may be reworded. */
  readonly code: Code;

  constructor(code: Code, args: Parameters<Messages[Code]>, options?: ErrorOptions) {
    const message = messages[code] as (...args: unknown[]) => string;
    super(`${message(...args)} [${code}]`, options);
    this.code = code;
  }
}
