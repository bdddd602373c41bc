/**
 * Which rows are in sight: TanStack's core, which has no binding for Preact, tied to a component by hooks.
 *
 * @module
 */
/* oxlint-disable no-underscore-dangle -- what TanStack's own bindings call */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { useEffect, useReducer, useRef } from "preact/hooks";

/** As in the style sheet. */
export const ROW_HEIGHT = 30;

export function useVirtualRows(
  scroller: { current: HTMLDivElement | null },
  length: number,
): Virtualizer<HTMLDivElement, Element> | null {
  const [, redraw] = useReducer((times: number) => times + 1, 0);
  const made = useRef<Virtualizer<HTMLDivElement, Element> | null>(null);
  const options = {
    count: length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 8,
    // Below the heads, which stay in sight.
    scrollPaddingStart: ROW_HEIGHT,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => redraw(undefined),
  } as const;
  if (made.current) made.current.setOptions({ ...made.current.options, ...options });
  useEffect(() => {
    made.current ??= new Virtualizer(options);
    const unmount = made.current._didMount();
    made.current._willUpdate();
    redraw(undefined);
    return unmount;
  }, []);
  useEffect(() => made.current?._willUpdate());
  return made.current;
}
