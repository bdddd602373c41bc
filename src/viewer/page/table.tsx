/**
 * The records, newest first. Only the rows in sight are in the page, however many there are.
 *
 * @module
 */
import { useEffect, useRef, useState } from "preact/hooks";
import { isWhole, more, rows } from "./rows.js";
import { select, selected } from "./state.js";
import { about, duration } from "./text.js";
import type { Row } from "./types.js";
import { useVirtualRows } from "./virtual-rows.js";

const COLUMNS = ["Time", "Event", "What", "Who", "Service", "Outcome", "Took"];

export function RecordTable() {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualRows(scroller, rows.value?.length ?? 0);
  const [active, setActive] = useState(0);
  const found = rows.value ?? [];
  const items = virtual?.getVirtualItems() ?? [];
  const lastInSight = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (found.length > 0 && lastInSight >= found.length - 40) more();
  }, [lastInSight, found]);

  const move = (to: number): void => {
    const next = Math.max(0, Math.min(to, found.length - 1));
    setActive(next);
    virtual?.scrollToIndex(next);
    if (selected.value !== null) select(found[next]?.record_id ?? null);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const steps: Record<string, number> = {
      ArrowDown: 1,
      j: 1,
      ArrowUp: -1,
      k: -1,
      PageDown: 20,
      PageUp: -20,
    };
    if (event.key in steps) move(active + steps[event.key]!);
    else if (event.key === "Home") move(0);
    else if (event.key === "End") move(found.length - 1);
    else if (event.key === "Enter") select(found[active]?.record_id ?? null);
    else return;
    event.preventDefault();
  };

  return (
    <section class="records" aria-label="Records">
      <div
        ref={scroller}
        role="grid"
        aria-label="Records, newest first"
        aria-rowcount={found.length + 1}
        aria-colcount={COLUMNS.length}
        class="scroll"
        tabIndex={0}
        aria-activedescendant={items.some(({ index }) => index === active) ? `row-${active}` : undefined}
        onKeyDown={onKeyDown}
      >
        <div role="row" class="row head" aria-rowindex={1}>
          {COLUMNS.map((column) => (
            <span key={column} role="columnheader">
              {column}
            </span>
          ))}
        </div>
        <div role="rowgroup">
          <div
            role="presentation"
            style={{ height: `${virtual?.getTotalSize() ?? 0}px`, position: "relative" }}
          >
            {items.map(({ index, start }) => (
              <RecordRow
                key={index}
                index={index}
                top={start}
                row={found[index]!}
                isActive={index === active}
                onOpen={() => {
                  setActive(index);
                  select(found[index]!.record_id);
                }}
              />
            ))}
          </div>
        </div>
      </div>
      {rows.value !== null && found.length === 0 && <p class="empty">Nothing was recorded that fits.</p>}
      {!isWhole.value && found.length > 0 && <p class="hidden">More rows come when you scroll.</p>}
    </section>
  );
}

/** Of a record that has no event. */
function kind({ name, level }: Row): string {
  return name === "audit.request" ? "request" : (level ?? "");
}

function RecordRow({
  row,
  index,
  top,
  isActive,
  onOpen,
}: {
  row: Row;
  index: number;
  top: number;
  isActive: boolean;
  onOpen: () => void;
}) {
  const isOpen = selected.value !== null && selected.value === row.record_id;
  const outcome = row.outcome ?? "";
  return (
    <div
      id={`row-${index}`}
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isOpen}
      class={`row${isActive ? " active" : ""}${isOpen ? " open" : ""}`}
      style={{ transform: `translateY(${top}px)` }}
      onClick={onOpen}
    >
      <span role="gridcell" class="time">
        {row.timestamp}
      </span>
      <span role="gridcell" class="what">
        {row.what ?? kind(row)}
      </span>
      <span role="gridcell" title={about(row)}>
        {about(row)}
      </span>
      <span role="gridcell">{row.user_name ?? row.user_id ?? ""}</span>
      <span role="gridcell">{row.service_name ?? ""}</span>
      <span role="gridcell" class={`outcome ${/^\w+$/u.test(outcome) ? outcome : ""}`}>
        {[row.status, outcome].filter((part) => part !== null && part !== "").join(" ")}
      </span>
      <span role="gridcell" class="number">
        {duration(row.execution_time)}
      </span>
    </div>
  );
}
