/**
 * The statements that write rows into an outbox table, where the table is on a server.
 *
 * @module
 */
import type { OutboxRow } from "./store.js";

/**
 * As few texts as their length allows, in the rows' order. What a row holds goes as hex, so that nothing that a session
 * can set changes how the server reads it.
 *
 * @param bytes - SQL for the bytes that a text of hex digits stands for
 * @param longest - of one text, in characters; a single row may be longer
 */
export function inserts(
  table: string,
  rows: readonly OutboxRow[],
  bytes: (hex: string) => string,
  longest: number,
): string[] {
  const texts: string[] = [];
  let values: string[] = [];
  let length = 0;
  const end = (): void => {
    if (values.length > 0) texts.push(`INSERT INTO ${table} (id, records) VALUES ${values.join(", ")}`);
    values = [];
    length = 0;
  };
  for (const { id, records } of rows) {
    const value = `('${id}', ${bytes(Buffer.from(records).toString("hex"))})`;
    if (length + value.length > longest) end();
    values.push(value);
    length += value.length;
  }
  end();
  return texts;
}
