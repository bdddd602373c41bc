/**
 * How many records there were over time, and how they ended. Drawing over a part shows that part.
 *
 * @module
 */
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { asking } from "./server.js";
import { narrow, query, theme, version } from "./state.js";
import { count, timestamp } from "./text.js";
import type { Density as Answer } from "./types.js";

const HEIGHT = 110;

const density = asking<Answer>("density", () => (void version.value, query.value));

export function Density() {
  const box = useRef<HTMLDivElement>(null);
  const answer = density.value;
  const colours = theme.value;
  useEffect(() => {
    if (!box.current || !answer || answer.bars.length === 0) return undefined;
    const plot = draw(box.current, answer);
    const observer = new ResizeObserver(() =>
      plot.setSize({ width: box.current!.clientWidth, height: HEIGHT }),
    );
    observer.observe(box.current);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
  }, [answer, colours]);
  return (
    <section class="density" aria-label="Records over time">
      <p class="counts" aria-live="polite">
        {answer ? said(answer) : "…"}
      </p>
      <div ref={box} class="plot" aria-hidden="true" />
    </section>
  );
}

function said({ count: all, not_ok, first, last }: Answer): string {
  if (all === 0 || first === null || last === null) return "No records.";
  const share = ((100 * not_ok) / all).toFixed(not_ok > 0 && not_ok < all / 100 ? 2 : 0);
  return `${count(all)} records, ${count(not_ok)} without success (${share} %), ${timestamp(first)} – ${timestamp(last)}`;
}

function draw(box: HTMLElement, { bars, step }: Answer): uPlot {
  const { xs, success, other, failed } = filled(bars, step);
  const path = uPlot.paths.bars!({ size: [0.9, 60], align: 1 });
  const series = (label: string, name: string): uPlot.Series => ({
    label,
    fill: colour(name),
    stroke: colour(name),
    width: 0,
    paths: path,
    points: { show: false },
  });
  // Stacked: the tallest is drawn first, and the others before it.
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, drag: { x: true, y: false, setScale: false } },
      scales: {
        x: { range: (_plot, min, max) => [min, max + step / 1000] },
        y: { range: (_plot, _min, max) => [0, Math.max(max, 1)] },
      },
      axes: [
        { stroke: colour("--quiet"), grid: { show: false }, ticks: { stroke: colour("--line") } },
        { stroke: colour("--quiet"), grid: { stroke: colour("--line") }, size: 60, ticks: { show: false } },
      ],
      series: [{}, series("all", "--success"), series("not ok", "--other"), series("failed", "--failure")],
      hooks: {
        setSelect: [
          ({ select, posToVal }) => {
            if (select.width < 3) return;
            narrow({
              since: timestamp(posToVal(select.left, "x") * 1000),
              until: timestamp(posToVal(select.left + select.width, "x") * 1000),
            });
          },
        ],
      },
    },
    [xs, success, other, failed],
    box,
  );
}

/** A colour of the style sheet: a canvas knows no variables. */
function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** With a zero where nothing was recorded; each column holds those before it. */
function filled(bars: Answer["bars"], step: number) {
  const at = new Map(bars.map((bar) => [bar.at, bar]));
  const [first, last] = [bars[0]!.at, bars.at(-1)!.at];
  const times = Array.from(
    { length: Math.round((last - first) / step) + 1 },
    (_, index) => first + index * step,
  );
  const found = times.map((time) => at.get(time));
  return {
    xs: times.map((time) => time / 1000),
    success: found.map((bar) => bar?.count ?? 0),
    other: found.map((bar) => (bar ? bar.failed + bar.other : 0)),
    failed: found.map((bar) => bar?.failed ?? 0),
  };
}
