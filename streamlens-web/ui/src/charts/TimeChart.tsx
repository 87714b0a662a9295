import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import { clockOf, instant, type Span } from '../format/time';
import { shade } from '../shell/theme';
import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import { color } from './colors';
import { listen } from './gestures';
import { zoom } from './zoom';

/** A line of a chart. */
export interface Line {
  label: string;
  /** A colour of the style sheet. */
  color: 'series-1' | 'series-2' | 'series-3' | 'series-4';
  /** One for each time; null where it is undefined: a hole. */
  values: readonly (number | null)[];
  /** Single events are bars, figures that go on are lines. */
  isBars?: boolean;
}

interface Props {
  title: string;
  /** Seconds since the epoch, ascending. */
  time: readonly number[];
  lines: readonly Line[];
  /** All of the time that there is. */
  all: Span;
  write: (value: number) => string;
  height?: number;
}

/** Least, mean and greatest of what is defined: for those who don't see the chart, and beside it for all. */
function summary(line: Line, write: (value: number) => string): string {
  const values = line.values.filter((value) => value !== null);
  if (values.length === 0) return 'nothing measured';
  const least = values.reduce((one, other) => Math.min(one, other));
  const most = values.reduce((one, other) => Math.max(one, other));
  if (line.isBars) return `${write(values.reduce((one, other) => one + other, 0))} in all`;
  const mean = values.reduce((one, other) => one + other, 0) / values.length;
  return `${write(least)} to ${write(most)}, mean ${write(mean)}`;
}

/** Figures over time. All charts show the same part of it, with one cursor. */
export function TimeChart({ title, time, lines, all, write, height = 128 }: Props) {
  const session = useSession();
  const look = useSignal(shade);
  const { span } = useSignal(session.view);
  const closer = useSignal(zoom);
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const shown = closer ?? span ?? all;
  const now = useRef({ shown, all, write });
  now.current = { shown, all, write };
  const data = useMemo(
    () => [time, ...lines.map((line) => line.values)] as unknown as uPlot.AlignedData,
    [time, lines],
  );
  const latest = useRef(data);
  latest.current = data;
  const kinds = lines.map((line) => `${line.label}\u0000${line.color}\u0000${line.isBars ?? false}`).join('\n');

  // biome-ignore lint/correctness/useExhaustiveDependencies: made anew with another look or other lines, filled with data below
  useEffect(() => {
    const parent = box.current;
    if (!parent) return;
    const axis = {
      stroke: color('faint'),
      grid: { stroke: color('line'), width: 0.5 },
      ticks: { stroke: color('line'), width: 0.5, size: 4 },
    };
    const made = new uPlot(
      {
        width: Math.max(200, parent.clientWidth),
        height,
        // the last time of the axis stands half beyond it
        padding: [null, 32, null, null],
        legend: { show: false },
        cursor: { sync: { key: 'time' }, drag: { x: false, y: false }, points: { size: 6 } },
        scales: {
          x: { time: false, range: () => [now.current.shown.from, now.current.shown.to] },
          y: { range: (_, least, most) => [Math.min(0, least ?? 0), Math.max(1, most ?? 1) * 1.08] },
        },
        axes: [
          {
            ...axis,
            size: 24,
            space: 96,
            font: '11px system-ui',
            values: (_, ticks, __, ___, step) => ticks.map((tick) => clockOf(tick, step)),
          },
          {
            ...axis,
            size: 84,
            font: '11px system-ui',
            values: (_, ticks) => ticks.map((tick) => now.current.write(tick)),
          },
        ],
        series: [
          {},
          ...lines.map((line): uPlot.Series => {
            const stroke = color(line.color);
            if (line.isBars) {
              return {
                label: line.label,
                stroke,
                fill: stroke,
                width: 0,
                paths: uPlot.paths.bars?.({ size: [0.7, 20, 1] }),
                points: { show: false },
              };
            }
            return { label: line.label, stroke, width: 1.5, spanGaps: false, fill: `${stroke}22`, points: { size: 4 } };
          }),
        ],
        hooks: {
          setCursor: [
            (of) => {
              const at = of.cursor.idx;
              const read = parent.querySelector('.read');
              const second = at === null || at === undefined ? undefined : of.data[0][at];
              if (!read) return;
              if (second === undefined) {
                read.textContent = '';
                return;
              }
              const values = of.data.slice(1).map((column) => {
                const value = column?.[at as number];
                return value === null || value === undefined ? 'not measured' : now.current.write(value);
              });
              read.textContent = `${instant(second).slice(11, 19)}  ${values.join('  ')}`;
            },
          ],
        },
      },
      latest.current,
      parent,
    );
    plot.current = made;
    const deaf = listen(made.over, {
      shown: () => now.current.shown,
      all: () => now.current.all,
      mark: (from, to) => {
        const { clientWidth: width, clientHeight } = made.over;
        const left = Math.min(from ?? 0, to ?? 0) * width;
        made.setSelect({ left, width: Math.abs((to ?? 0) - (from ?? 0)) * width, top: 0, height: clientHeight }, false);
      },
      brush: (brushed) => {
        zoom.set(undefined);
        session.show({ span: brushed });
      },
      reset: () => {
        zoom.set(undefined);
        session.show({ span: undefined });
      },
    });
    const watch = new ResizeObserver(() => made.setSize({ width: Math.max(200, parent.clientWidth), height }));
    watch.observe(parent);
    return () => {
      watch.disconnect();
      deaf();
      made.destroy();
      plot.current = undefined;
    };
  }, [look, kinds, height, session]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the range is read when the data are set
  useEffect(() => plot.current?.setData(data, true), [data, shown.from, shown.to]);

  const text = lines.map((line) => `${lines.length > 1 ? `${line.label}: ` : ''}${summary(line, write)}`).join('; ');
  return (
    <figure className="figure">
      <figcaption>
        <b>{title}</b> <span className="faint">{text}</span>
      </figcaption>
      <div ref={box} className="chart" role="group" tabIndex={0} aria-label={`${title} over time: ${text}`}>
        <span className="read" aria-hidden="true" />
      </div>
    </figure>
  );
}
