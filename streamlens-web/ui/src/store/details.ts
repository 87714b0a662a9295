import { seconds } from '../format/time';
import type { Bucket, Detail, HeatColumn, JsonValue, Reasons } from '../protocol';
import { Signal } from './signal';

/** Figures by the second, with the place of each in time; undefined ones are null, and so are seconds that are missing. */
export interface SeriesData {
  /** Seconds since the epoch, ascending. */
  time: number[];
  packets: (number | null)[];
  bits: (number | null)[];
  lost: (number | null)[];
  jitter: (number | null)[];
  /** Seconds from one value to the next. */
  step: number;
}

/** All that is known of the row that is watched. */
export interface Details {
  row: string;
  start: string;
  timestamp?: string;
  isGone: boolean;
  series: SeriesData;
  histogram?: Bucket[];
  heat: { step: number; columns: { at: number; buckets: HeatColumn['buckets'] }[] };
  streams?: JsonValue[];
  element?: { [key: string]: JsonValue | undefined };
  reasons?: Reasons;
  findings: Detail['findings'];
}

/** An hour by the second; what is older is let go, so that a page can stay open for weeks. */
export const MOST_SECONDS = 3600;

const none = (): SeriesData => ({ time: [], packets: [], bits: [], lost: [], jitter: [], step: 1 });

/** The figures with those that came behind them; one for a time that there is already takes its place. */
export function extended(held: SeriesData, more: NonNullable<Detail['series']>): SeriesData {
  const start = seconds(more.start);
  const step = more.step_ns / 1e9;
  if (start === undefined || !(step > 0)) return held;
  const data = { ...held, step };
  let keep = held.time.length;
  while (keep > 0 && (held.time[keep - 1] as number) > start - step / 2) keep -= 1;
  const from = Math.max(0, keep + more.packets.length - MOST_SECONDS);
  const join = <T>(old: T[], now: T[]) =>
    old.slice(Math.min(from, keep), keep).concat(now.slice(Math.max(0, from - keep)));
  data.time = join(
    held.time,
    more.packets.map((_, place) => start + place * step),
  );
  data.packets = join(held.packets, more.packets);
  data.bits = join(held.bits, more.bits);
  data.lost = join(held.lost, more.lost);
  data.jitter = join(held.jitter, more.jitter_ns);
  return data;
}

/** The details of the row that is watched. */
export class DetailStore {
  readonly now = new Signal<Details | undefined>(undefined);
  #wanted: string | undefined;

  /** From now on a row is watched, or none. */
  begin(row: string | undefined): void {
    this.#wanted = row;
    if (this.now.get()?.row !== row) this.now.set(undefined);
  }

  /** What was held may be wrong: the connection was lost, another time is shown. */
  forget(): void {
    this.now.set(undefined);
  }

  receive(detail: Detail): void {
    if (detail.row !== this.#wanted) return;
    const before = this.now.get();
    const isSame = before?.start === detail.start && before.row === detail.row;
    const held: Details = isSame
      ? before
      : {
          row: detail.row,
          start: detail.start,
          isGone: false,
          series: none(),
          heat: { step: 1, columns: [] },
          findings: [],
        };
    const columns = detail.heat?.columns.flatMap((column) => {
      const at = seconds(column.start);
      return at === undefined ? [] : [{ at, buckets: column.buckets }];
    });
    const first = columns?.[0]?.at ?? Number.POSITIVE_INFINITY;
    this.now.set({
      ...held,
      timestamp: detail.timestamp,
      isGone: detail.gone ?? false,
      series: detail.series ? extended(held.series, detail.series) : held.series,
      histogram: detail.histogram ?? held.histogram,
      heat: detail.heat
        ? {
            step: detail.heat.step_ns / 1e9,
            columns: [...held.heat.columns.filter((column) => column.at < first), ...(columns ?? [])].slice(
              -MOST_SECONDS,
            ),
          }
        : held.heat,
      streams: (detail.streams as JsonValue[] | undefined) ?? held.streams,
      element: (detail.metadata as Details['element']) ?? held.element,
      reasons: detail.reasons ?? held.reasons,
      findings: detail.findings ?? (detail.metadata ? [] : held.findings),
    });
  }
}
