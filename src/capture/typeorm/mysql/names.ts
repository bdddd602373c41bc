/**
 * The names that we put into statements of the application.
 *
 * @module
 */

/** How the names of columns begin that are put into a RETURNING of the application's. */
export const EXTRA = "activity_audit_";

/** Session variables that carry rows out of a statement. They are `NULL` but for that moment. */
export const variables = {
  rows: "@activity_audit_rows",
  old: "@activity_audit_old",
  now: "@activity_audit_new",
  row: "@activity_audit_row",
} as const;
