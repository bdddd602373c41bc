/**
 * What the database says of a table: whether its rows can be read by us, by what key, and which foreign keys
 * change other rows when its own are changed.
 *
 * Asked once for each table and each identity (role and search path), on the application's own connection,
 * right before the first statement that changes it.
 *
 * @module
 */
import type { TableName } from "../family.js";
import { imageReader, type ImageReader } from "./images.js";
import { quoted } from "./names.js";
import type { TableRef } from "./read.js";

/** A foreign key of another table that refers to ours, and what it does when our rows go or change their key. */
export interface InboundKey {
  readonly child: TableRef;
  /** The child's columns, and ours that they refer to, in the same order. */
  readonly columns: readonly string[];
  readonly refers: readonly string[];
  /** How ours and the child's are compared: `OPERATOR(…)`, ours on the left. */
  readonly equals: readonly string[];
  readonly onDelete: KeyAction;
  readonly onUpdate: KeyAction;
}

export type KeyAction = "none" | "cascade" | "set";

export interface TableFacts {
  readonly table: TableName;
  /** The schema by its own name, also for the default one. */
  readonly ref: TableRef;
  readonly oid: string;
  /** The tables that a view reads, and may write to. */
  readonly bases: readonly TableName[];
  /** Why its rows cannot be told, or `null`. */
  readonly untold: string | null;
  readonly partitioned: boolean;
  readonly temporary: boolean;
  /** Row triggers that run before an UPDATE, of its partitions too: they may skip a row. */
  readonly beforeUpdate: boolean;
  readonly lockable: boolean;
  readonly key: readonly { readonly column: string; readonly equals: string }[];
  /** Columns that are in a unique index, so that a foreign key could refer to them. */
  readonly unique: ReadonlySet<string>;
  readonly inbound: readonly InboundKey[];
  /** Column name to its type as SQL writes it, for casts. */
  readonly sqlTypes: Readonly<Record<string, string>>;
  readonly readImage: ImageReader;
}

/** One row of one column: a JSON object, or nothing if there is no such table. `$1` is the quoted name. */
export const factsQuery = `
SELECT pg_catalog.json_build_object(
  'oid', c.oid::text, 'schema', n.nspname, 'name', c.relname, 'kind', c.relkind,
  'temporary', c.relpersistence = 't',
  'partition', c.relispartition,
  'root', (SELECT pg_catalog.json_build_array(rn.nspname, r.relname)
    FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace
    WHERE c.relispartition AND r.oid = pg_catalog.pg_partition_root(c.oid)),
  'children', c.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_catalog.pg_inherits h WHERE h.inhparent = c.oid),
  'rules', EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type <> '1'),
  'policies', pg_catalog.row_security_active(c.oid),
  'readable', pg_catalog.has_table_privilege(c.oid, 'SELECT'),
  'lockable', pg_catalog.has_any_column_privilege(c.oid, 'UPDATE'),
  'before_update', EXISTS (SELECT 1 FROM pg_catalog.pg_trigger t
    WHERE NOT t.tgisinternal AND t.tgtype & 19 = 19 AND t.tgrelid IN (
      WITH RECURSIVE tree(oid) AS (
        SELECT c.oid UNION ALL SELECT h.inhrelid FROM tree JOIN pg_catalog.pg_inherits h ON h.inhparent = tree.oid)
      SELECT oid FROM tree)),
  'key', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(a.attname, en.nspname, o.oprname) ORDER BY k.place)
    FROM (SELECT i.* FROM pg_catalog.pg_index i
        WHERE i.indrelid = c.oid AND i.indisunique AND i.indimmediate AND i.indisvalid
          AND i.indpred IS NULL AND i.indexprs IS NULL
          AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute m WHERE m.attrelid = c.oid
            AND m.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) AND NOT m.attnotnull)
        ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) i
      CROSS JOIN LATERAL pg_catalog.generate_series(0, i.indnkeyatts - 1) AS k(place)
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[k.place]
      JOIN pg_catalog.pg_opclass p ON p.oid = i.indclass[k.place]
      JOIN pg_catalog.pg_amop m ON m.amopfamily = p.opcfamily AND m.amopstrategy = 3
        AND m.amoplefttype = p.opcintype AND m.amoprighttype = p.opcintype
      JOIN pg_catalog.pg_operator o ON o.oid = m.amopopr
      JOIN pg_catalog.pg_namespace en ON en.oid = o.oprnamespace),
  'unique', (SELECT pg_catalog.json_agg(DISTINCT a.attname) FROM pg_catalog.pg_index i
      JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey::int2[])
      WHERE i.indrelid = c.oid AND i.indisunique),
  'types', (SELECT pg_catalog.json_object_agg(a.attname, (
        WITH RECURSIVE base AS (
          SELECT t.typname, t.typtype, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid
          UNION ALL
          SELECT t.typname, t.typtype, t.typbasetype FROM base b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype
            WHERE b.typtype = 'd')
        SELECT CASE typtype WHEN 'e' THEN 'enum' ELSE typname END FROM base WHERE typtype <> 'd'))
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'sql_types', (SELECT pg_catalog.json_object_agg(a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod))
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
  'inbound', (SELECT pg_catalog.json_agg(pg_catalog.json_build_object(
        'schema', kn.nspname, 'name', k.relname, 'delete', f.confdeltype, 'update', f.confupdtype,
        'columns', (SELECT pg_catalog.json_agg(a.attname ORDER BY x.place)
          FROM pg_catalog.unnest(f.conkey) WITH ORDINALITY AS x(num, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = x.num),
        'equals', (SELECT pg_catalog.json_agg(pg_catalog.json_build_array(en.nspname, o.oprname) ORDER BY x.place)
          FROM pg_catalog.unnest(f.conpfeqop) WITH ORDINALITY AS x(op, place)
          JOIN pg_catalog.pg_operator o ON o.oid = x.op
          JOIN pg_catalog.pg_namespace en ON en.oid = o.oprnamespace),
        'refers', (SELECT pg_catalog.json_agg(a.attname ORDER BY x.place)
          FROM pg_catalog.unnest(f.confkey) WITH ORDINALITY AS x(num, place)
          JOIN pg_catalog.pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = x.num)) ORDER BY f.conname)
      FROM pg_catalog.pg_constraint f
      JOIN pg_catalog.pg_class k ON k.oid = f.conrelid
      JOIN pg_catalog.pg_namespace kn ON kn.oid = k.relnamespace
      WHERE f.contype = 'f' AND f.confrelid = c.oid AND (f.conparentid = 0 OR c.relispartition)
        AND NOT k.relispartition
        AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger g WHERE g.tgconstraint = f.oid AND g.tgrelid = c.oid
          AND g.tgenabled::text NOT IN ('A',
            CASE pg_catalog.current_setting('session_replication_role') WHEN 'replica' THEN 'R' ELSE 'O' END))),
  'bases', CASE WHEN c.relkind = 'v' THEN (
    WITH RECURSIVE reads(oid) AS (
      SELECT c.oid
      UNION SELECT d.refobjid FROM reads JOIN pg_catalog.pg_rewrite w ON w.ev_class = reads.oid
        JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
          AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass)
    SELECT pg_catalog.json_agg(pg_catalog.json_build_array(bn.nspname, b.relname) ORDER BY bn.nspname, b.relname)
    FROM reads JOIN pg_catalog.pg_class b ON b.oid = reads.oid JOIN pg_catalog.pg_namespace bn ON bn.oid = b.relnamespace
    WHERE b.relkind IN ('r', 'p', 'f')) END
)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_catalog.to_regclass($1)`;

/** Who runs the statement, where it looks for names, and whether foreign keys act. The same for most connections of a pool. */
export const identityQuery =
  "SELECT current_user::text, pg_catalog.current_schemas(true)::text, pg_catalog.current_setting('session_replication_role'), pg_catalog.current_setting('server_version_num'), pg_catalog.pg_backend_pid()::text";

/** Which of these functions and operators are volatile, under any schema and with any arguments. */
export const volatileQuery = `
SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_proc p WHERE p.provolatile = 'v'
  AND (p.proname = ANY ($1) OR p.oid IN (SELECT o.oprcode FROM pg_catalog.pg_operator o WHERE o.oprname = ANY ($1))))::text`;

interface Answer {
  readonly oid: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly temporary: boolean;
  readonly partition: boolean;
  readonly root: readonly [string, string] | null;
  readonly children: boolean;
  readonly rules: boolean;
  readonly policies: boolean;
  readonly readable: boolean;
  readonly lockable: boolean;
  readonly before_update: boolean;
  readonly key: readonly (readonly [string, string, string])[] | null;
  readonly unique: readonly string[] | null;
  readonly types: Readonly<Record<string, string>> | null;
  readonly sql_types: Readonly<Record<string, string>> | null;
  readonly bases: readonly (readonly [string, string])[] | null;
  readonly inbound:
    | readonly {
        readonly schema: string;
        readonly name: string;
        readonly delete: string;
        readonly update: string;
        readonly columns: readonly string[];
        readonly refers: readonly string[];
        readonly equals: readonly (readonly [string, string])[];
      }[]
    | null;
}

/** @param defaultSchema - the schema that `TableName` leaves out */
export function factsOf(json: string, defaultSchema: string): TableFacts {
  const answer = JSON.parse(json) as Answer;
  const tableName = ([schema, name]: readonly [string, string]): TableName => ({
    schema: schema === defaultSchema ? null : schema,
    name,
  });
  return {
    table: tableName(answer.root ?? [answer.schema, answer.name]),
    bases: (answer.bases ?? []).map(tableName),
    ref: { schema: answer.schema, name: answer.name },
    oid: answer.oid,
    untold: whyUntold(answer),
    partitioned: answer.kind === "p",
    temporary: answer.temporary,
    beforeUpdate: answer.before_update,
    lockable: answer.lockable,
    key: (answer.key ?? []).map(([column, space, sign]) => ({
      column,
      equals: operator(space, sign),
    })),
    unique: new Set(answer.unique),
    inbound: (answer.inbound ?? []).map((key) => ({
      child: { schema: key.schema, name: key.name },
      columns: key.columns,
      refers: key.refers,
      equals: key.equals.map(([space, sign]) => operator(space, sign)),
      onDelete: actionOf(key.delete),
      onUpdate: actionOf(key.update),
    })),
    sqlTypes: answer.sql_types ?? {},
    readImage: imageReader(new Map(Object.entries(answer.types ?? {}))),
  };
}

function whyUntold(answer: Answer): string | null {
  if (answer.kind !== "r" && answer.kind !== "p") return "it is not an ordinary table";
  if (answer.rules) return "it has rules";
  if (answer.policies) return "row security is in force for this role";
  if (!answer.readable) return "this role may not SELECT from it";
  if (answer.children) return "other tables inherit from it";
  return null;
}

function operator(schema: string, name: string): string {
  return `OPERATOR(${quoted(schema)}.${name})`;
}

function actionOf(letter: string): KeyAction {
  if (letter === "c") return "cascade";
  return letter === "n" || letter === "d" ? "set" : "none";
}
