import { type Span, within, zoomed } from '../format/time';
import { Signal } from '../store/signal';

/** The part of the time that all charts show, where it isn't the page's span or all there is. */
export const zoom = new Signal<Span | undefined>(undefined);

/** The least that charts show, in seconds. */
const LEAST = 0.05;

/** Looks closer (`factor` below 1) or wider, around a place; `shown` is what is shown now, `all` what there is. */
export function zoomBy(shown: Span, all: Span, around: number, factor: number): void {
  const next = zoomed(shown, around, factor, LEAST);
  zoom.set(next.to - next.from >= all.to - all.from ? undefined : within(next, all));
}

/** Moves what is shown by so many seconds. */
export function panBy(shown: Span, all: Span, by: number): void {
  zoom.set(within({ from: shown.from + by, to: shown.to + by }, all));
}
