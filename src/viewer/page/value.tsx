/**
 * Any value of a record, as it is: objects and lists can be opened, texts are shown as texts.
 *
 * @module
 */
const OPEN_TO = 2;
/** More is on the line as it stands in the file. */
const MOST = 200;

export function Value({ of: value, depth = 0 }: { of: unknown; depth?: number }) {
  if (value === null || typeof value !== "object") return <Plain of={value} />;
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  if (entries.length === 0) return <code>{isList ? "[]" : "{}"}</code>;
  return (
    <details class="value" open={depth < OPEN_TO}>
      <summary>{isList ? `list of ${entries.length}` : `${entries.length} fields`}</summary>
      <dl>
        {entries.slice(0, MOST).map(([name, one]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Value of={one} depth={depth + 1} />
            </dd>
          </div>
        ))}
      </dl>
      {entries.length > MOST && <p>{entries.length - MOST} more</p>}
    </details>
  );
}

export function Plain({ of: value }: { of: unknown }) {
  if (value === undefined) return <span class="absent">absent</span>;
  return (
    <code class={value === null ? "null" : typeof value}>
      {typeof value === "string" ? value : String(value)}
    </code>
  );
}
