/**
 * Before and after of a row, field by field.
 *
 * @module
 */
import type { Loose } from "./types.js";
import { Plain, Value } from "./value.js";

export function Changes({ record }: { record: Loose }) {
  const changes = changesOf(record);
  if (changes.length === 0) return null;
  return (
    <table class="changes">
      <caption class="hidden">What changed</caption>
      <thead>
        <tr>
          <th scope="col">Field</th>
          <th scope="col">Before</th>
          <th scope="col">After</th>
        </tr>
      </thead>
      <tbody>
        {changes.map(({ field, from, to }) => (
          <tr key={field}>
            <th scope="row">{field}</th>
            <td class="from">
              <Side of={from} />
            </td>
            <td class="to">
              <Side of={to} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Side({ of: value }: { of: unknown }) {
  return value !== null && typeof value === "object" ? <Value of={value} depth={2} /> : <Plain of={value} />;
}

interface Change {
  readonly field: string;
  readonly from: unknown;
  readonly to: unknown;
}

function changesOf({ event_type, changed_fields, instance_repr }: Loose): Change[] {
  const row = Object.entries((instance_repr ?? {}) as Loose);
  if (event_type === "CREATE") return row.map(([field, to]) => ({ field, from: undefined, to }));
  if (event_type === "DELETE") return row.map(([field, from]) => ({ field, from, to: undefined }));
  const changed = changed_fields && typeof changed_fields === "object" ? changed_fields : {};
  return Object.entries(changed as Loose).map(([field, change]) => ({
    field,
    from: change?.from,
    to: change?.to,
  }));
}
