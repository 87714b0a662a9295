import { type Span, spanOf } from '../format/time';
import { panBy, zoom, zoomBy } from './zoom';

/** What the gestures of a chart need to know of it. */
export interface Chart {
  /** The time that is shown, and all that there is. */
  shown: () => Span;
  all: () => Span;
  /** Shows what is being brushed, from one share of the width to the other; nothing of none. */
  mark: (from: number | undefined, to: number | undefined) => void;
  /** The brush is done. */
  brush: (span: Span) => void;
  /** All of the time again. */
  reset: () => void;
}

/** Wheel, drag, shift and drag, double click, and the same with keys, on the part of a chart where its lines are. */
export function listen(area: HTMLElement, chart: Chart): () => void {
  const share = (event: MouseEvent) => {
    const box = area.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / Math.max(1, box.width)));
  };
  const timeAt = (at: number) => chart.shown().from + at * (chart.shown().to - chart.shown().from);
  let drag: { share: number; shown: Span; isBrush: boolean } | undefined;

  const wheel = (event: WheelEvent) => {
    event.preventDefault();
    zoomBy(chart.shown(), chart.all(), timeAt(share(event)), event.deltaY < 0 ? 0.8 : 1.25);
  };
  const down = (event: PointerEvent) => {
    if (event.button !== 0) return;
    area.setPointerCapture(event.pointerId);
    drag = { share: share(event), shown: chart.shown(), isBrush: event.shiftKey };
  };
  const move = (event: PointerEvent) => {
    if (!drag) return;
    if (drag.isBrush) chart.mark(drag.share, share(event));
    else panBy(drag.shown, chart.all(), (drag.share - share(event)) * (drag.shown.to - drag.shown.from));
  };
  const up = (event: PointerEvent) => {
    const held = drag;
    drag = undefined;
    if (!held?.isBrush) return;
    chart.mark(undefined, undefined);
    const span = spanOf(timeAt(held.share), timeAt(share(event)));
    if (span) chart.brush(span);
  };
  const key = (event: KeyboardEvent) => {
    const shown = chart.shown();
    const middle = (shown.from + shown.to) / 2;
    const tenth = (shown.to - shown.from) / 10;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === '+' || event.key === '=') zoomBy(shown, chart.all(), middle, 0.8);
    else if (event.key === '-') zoomBy(shown, chart.all(), middle, 1.25);
    else if (event.key === 'ArrowLeft') panBy(shown, chart.all(), -tenth);
    else if (event.key === 'ArrowRight') panBy(shown, chart.all(), tenth);
    else if (event.key === '0') chart.reset();
    else return;
    event.preventDefault();
  };
  const reset = () => {
    if (zoom.get()) zoom.set(undefined);
    else chart.reset();
  };
  // the chart's frame has the focus, its inner part the pointer
  const frame = area.closest<HTMLElement>('.chart') ?? area;
  area.addEventListener('wheel', wheel, { passive: false });
  area.addEventListener('pointerdown', down);
  area.addEventListener('pointermove', move);
  area.addEventListener('pointerup', up);
  area.addEventListener('dblclick', reset);
  frame.addEventListener('keydown', key);
  return () => {
    area.removeEventListener('wheel', wheel);
    area.removeEventListener('pointerdown', down);
    area.removeEventListener('pointermove', move);
    area.removeEventListener('pointerup', up);
    area.removeEventListener('dblclick', reset);
    frame.removeEventListener('keydown', key);
  };
}
