/** What really happened, by row triggers, to hold what the family tells against. */
import type pg from "pg";
import type { ColumnImage } from "#dist/capture/typeorm/family";
import type { Told } from "./server.js";

/**
 * Triggers on every ordinary table that write each change, with every value as text, in the same transaction,
 * so that what is rolled back is gone from here too.
 */
export async function watch(pool: pg.Pool): Promise<void> {
  await pool.query(`
    CREATE TABLE truth (seq bigserial, tx xid8 DEFAULT pg_current_xact_id(), name text, op text, old json, new json);
    CREATE FUNCTION truth() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      INSERT INTO truth (name, op, old, new) VALUES (TG_ARGV[0], lower(TG_OP),
        CASE WHEN TG_OP <> 'INSERT' THEN
          (SELECT json_object_agg(key, value) FROM json_each_text(row_to_json(OLD))) END,
        CASE WHEN TG_OP <> 'DELETE' THEN
          (SELECT json_object_agg(key, value) FROM json_each_text(row_to_json(NEW))) END);
      RETURN NULL;
    END $$;
    DO $$ DECLARE t record; BEGIN
      FOR t IN SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relname <> 'truth'
      LOOP
        EXECUTE format('CREATE TRIGGER zz_truth AFTER INSERT OR UPDATE OR DELETE ON %s
          FOR EACH ROW EXECUTE FUNCTION truth(%L)', t.oid::regclass, t.relname);
      END LOOP;
    END $$`);
}

/** The committed changes since the last call, one text each, by transaction; sorted, as order is not its own. */
export async function truth(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    "WITH gone AS (DELETE FROM truth RETURNING *) SELECT tx::text, name, op, old, new FROM gone ORDER BY seq",
  );
  const transactions = new Map<string, string[]>();
  for (const { tx, name, op, old, new: is } of rows as Record<string, never>[]) {
    const line = `${op} ${name} ${text(old)} ${text(is)}`;
    transactions.set(tx!, [...(transactions.get(tx!) ?? []), line]);
  }
  return [...transactions.values()].map((lines) => lines.toSorted().join("\n")).toSorted();
}

/** The same form, from what was told. */
export function asTruth(told: readonly Told[]): string[] {
  return told
    .map(({ changes }) =>
      changes
        .map((change) => `${change.op} ${change.table.name} ${text(change.before)} ${text(change.after)}`)
        .toSorted()
        .join("\n"),
    )
    .toSorted();
}

function text(image: ColumnImage | null): string {
  if (image === null) return "-";
  const columns = Object.keys(image).toSorted();
  return columns.map((column) => `${column}=${valueText(image[column])}`).join(" ");
}

/** A value as `json_each_text` writes it, or near enough to be compared: JSON without its white space. */
function valueText(value: unknown): string {
  if (value === null || value === undefined) return "NULL";
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString("hex")}`;
  if (typeof value === "object") return JSON.stringify(value).replace(/[\s"]/g, "");
  const written = String(value);
  return /^[[{]/.test(written) ? written.replace(/[\s"]/g, "") : written;
}
