import { useEffect, useRef, useState } from 'react';
import { clock, type Span, seconds } from '../format/time';
import { counted, duration, grouped, tick } from '../format/units';
import { shade } from '../shell/theme';
import { useSession } from '../store/context';
import type { Details } from '../store/details';
import { useSignal } from '../store/signal';
import { binOf, binOfBucket, lowOf, PER_DECADE } from './bins';
import { color, scale } from './colors';
import { listen } from './gestures';
import { zoom } from './zoom';

/** From 1 ns to 1000 s: a range that never changes, so that columns that are drawn stay as they are. */
const BINS = 12 * PER_DECADE;
const HIGH = 160;
const LEFT = 84;
const BOTTOM = 22;
/** A count from which on the colour is the brightest. */
const FULL = 4;

/** An interval far from the mean. */
export interface Outlier {
  interval_ns: number;
  frame: number;
  time?: string;
}

/** Columns as they are drawn, each once: one dot wide, one dot a bin. */
class Picture {
  readonly canvas = document.createElement('canvas');
  /** The columns that are drawn, by the second at which they begin. */
  readonly places = new Map<number, number>();
  first: number = Number.POSITIVE_INFINITY;
  low = BINS;
  high = 0;
  drawn = 0;

  constructor(readonly step: number) {
    this.canvas.width = 64;
    this.canvas.height = BINS;
  }

  /** Draws a column, unless it is drawn already and can't change any more. */
  add(column: Details['heat']['columns'][number]): void {
    if (this.places.size === 0) this.first = column.at;
    const x = Math.round((column.at - this.first) / this.step);
    if (x < 0 || x > 100_000) return;
    if (x >= this.canvas.width) this.#widen(x);
    const pen = this.canvas.getContext('2d');
    if (!pen) return;
    const counts = new Map<number, number>();
    for (const bucket of column.buckets) {
      const bin = Math.min(BINS - 1, binOfBucket(bucket));
      counts.set(bin, (counts.get(bin) ?? 0) + bucket.count);
    }
    pen.clearRect(x, 0, 1, BINS);
    for (const [bin, count] of counts) {
      const [red, green, blue] = scale(Math.log10(Math.max(1, count)) / FULL);
      pen.fillStyle = `rgb(${red} ${green} ${blue})`;
      pen.fillRect(x, BINS - 1 - bin, 1, 1);
      this.low = Math.min(this.low, bin);
      this.high = Math.max(this.high, bin);
    }
    this.places.set(column.at, x);
    this.drawn += 1;
  }

  #widen(x: number): void {
    const held = document.createElement('canvas');
    held.width = this.canvas.width;
    held.height = BINS;
    held.getContext('2d')?.drawImage(this.canvas, 0, 0);
    let width = this.canvas.width;
    while (width <= x) width *= 2;
    this.canvas.width = width;
    this.canvas.getContext('2d')?.drawImage(held, 0, 0);
  }
}

interface Props {
  heat: Details['heat'];
  /** The row and the start that it is of: with others the picture begins anew. */
  of: string;
  outliers: readonly Outlier[];
  all: Span;
}

/** Inter-arrival times over time: how many of which length in each second. */
export function HeatMap({ heat, of, outliers, all }: Props) {
  const session = useSession();
  const look = useSignal(shade);
  const { span } = useSignal(session.view);
  const closer = useSignal(zoom);
  const shown = closer ?? span ?? all;
  const box = useRef<HTMLDivElement>(null);
  const screen = useRef<HTMLCanvasElement>(null);
  const picture = useRef<{ of: string; picture: Picture } | undefined>(undefined);
  const [read, setRead] = useState('');
  const [width, setWidth] = useState(400);
  const [mark, setMark] = useState<[number, number] | undefined>(undefined);
  const now = useRef({ shown, all });
  now.current = { shown, all };

  if (picture.current?.of !== of) picture.current = { of, picture: new Picture(heat.step) };
  const drawn = picture.current.picture;
  // only what is new, and the last one, which may have grown
  const newest = Math.max(...drawn.places.keys());
  for (const column of heat.columns) if (!drawn.places.has(column.at) || column.at >= newest) drawn.add(column);

  const low = Math.floor(drawn.low / PER_DECADE);
  const high = Math.max(low + 1, Math.ceil((drawn.high + 1) / PER_DECADE));
  const plotWidth = width - LEFT - 8;
  const plotHeight = HIGH - BOTTOM - 4;
  const x = (time: number) => LEFT + ((time - shown.from) / (shown.to - shown.from)) * plotWidth;
  const y = (bin: number) => 4 + plotHeight - ((bin - low * PER_DECADE) / ((high - low) * PER_DECADE)) * plotHeight;

  // biome-ignore lint/correctness/useExhaustiveDependencies: the picture changes with the columns
  useEffect(() => {
    const canvas = screen.current;
    const pen = canvas?.getContext('2d');
    if (!canvas || !pen) return;
    const dots = globalThis.devicePixelRatio || 1;
    canvas.width = Math.round(width * dots);
    canvas.height = Math.round(HIGH * dots);
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    pen.font = '11px system-ui';
    pen.strokeStyle = color('line');
    pen.fillStyle = color('faint');
    pen.lineWidth = 0.5;
    for (let decade = low; decade <= high; decade += 1) {
      const at = y(decade * PER_DECADE);
      pen.beginPath();
      pen.moveTo(LEFT, at);
      pen.lineTo(width - 8, at);
      pen.stroke();
      pen.textAlign = 'right';
      pen.fillText(tick(10 ** decade), LEFT - 6, Math.min(HIGH - BOTTOM, Math.max(12, at + 4)));
    }
    pen.save();
    pen.beginPath();
    pen.rect(LEFT, 4, plotWidth, plotHeight);
    pen.clip();
    pen.imageSmoothingEnabled = false;
    if (drawn.places.size > 0) {
      const rows = (high - low) * PER_DECADE;
      const left = x(drawn.first);
      const wide = x(drawn.first + drawn.canvas.width * drawn.step) - left;
      pen.drawImage(drawn.canvas, 0, BINS - high * PER_DECADE, drawn.canvas.width, rows, left, 4, wide, plotHeight);
    }
    pen.lineWidth = 1.5;
    pen.strokeStyle = color('error');
    for (const outlier of outliers) {
      const time = seconds(outlier.time);
      if (time === undefined) continue;
      pen.beginPath();
      pen.arc(x(time), y(binOf(outlier.interval_ns) + 0.5), 4, 0, 2 * Math.PI);
      pen.stroke();
    }
    pen.restore();
  }, [heat, outliers, look, width, shown.from, shown.to, of]);

  useEffect(() => {
    const parent = box.current;
    const canvas = screen.current;
    if (!parent || !canvas) return;
    const watch = new ResizeObserver(() => setWidth(Math.max(200, parent.clientWidth)));
    watch.observe(parent);
    const area = parent.querySelector<HTMLElement>('.heat-area');
    const deaf =
      area &&
      listen(area, {
        shown: () => now.current.shown,
        all: () => now.current.all,
        mark: (from, to) =>
          setMark(from === undefined || to === undefined ? undefined : [Math.min(from, to), Math.max(from, to)]),
        brush: (brushed) => {
          zoom.set(undefined);
          session.show({ span: brushed });
        },
        reset: () => {
          zoom.set(undefined);
          session.show({ span: undefined });
        },
      });
    return () => {
      watch.disconnect();
      deaf?.();
    };
  }, [session]);

  function point(event: React.PointerEvent<HTMLElement>) {
    const area = event.currentTarget.getBoundingClientRect();
    const share = (event.clientX - area.left) / area.width;
    const time = shown.from + share * (shown.to - shown.from);
    const bin = Math.floor(
      low * PER_DECADE + (1 - (event.clientY - area.top) / area.height) * (high - low) * PER_DECADE,
    );
    const near = outliers.find((outlier) => {
      const at = seconds(outlier.time);
      return (
        at !== undefined &&
        Math.abs(x(at) - LEFT - share * area.width) < 6 &&
        Math.abs(binOf(outlier.interval_ns) - bin) < 4
      );
    });
    if (near) return setRead(`frame ${grouped(near.frame)}, ${clock(near.time ?? '')}: ${duration(near.interval_ns)}`);
    const column = heat.columns.find((one) => time >= one.at && time < one.at + heat.step);
    const count =
      column?.buckets.reduce((sum, bucket) => sum + (binOfBucket(bucket) === bin ? bucket.count : 0), 0) ?? 0;
    setRead(`${duration(lowOf(bin))} to ${duration(lowOf(bin + 1))}: ${grouped(count)}`);
  }

  const text = `${counted(heat.columns.length, 'second')}, ${counted(outliers.length, 'outlier')} marked`;
  return (
    <figure className="figure">
      <figcaption>
        <b>Inter-arrival times over time</b> <span className="faint">{text}</span>
        <span className="legend" aria-hidden="true">
          {[1, 10, 100, 1000, 10_000].map((count) => (
            <span key={count}>
              <Swatch count={count} />
              {grouped(count)}
            </span>
          ))}
        </span>
      </figcaption>
      <div
        ref={box}
        className="chart heat"
        role="group"
        tabIndex={0}
        aria-label={`Inter-arrival times over time, heat map: ${text}`}
      >
        <canvas ref={screen} data-columns={drawn.places.size} data-drawn={drawn.drawn} />
        <div className="heat-area" onPointerMove={point} onPointerLeave={() => setRead('')}>
          {mark ? (
            <span className="brush" style={{ left: `${mark[0] * 100}%`, width: `${(mark[1] - mark[0]) * 100}%` }} />
          ) : null}
        </div>
        <span className="read" aria-hidden="true">
          {read}
        </span>
      </div>
    </figure>
  );
}

function Swatch({ count }: { count: number }) {
  const [red, green, blue] = scale(Math.log10(count) / FULL);
  return <i style={{ background: `rgb(${red} ${green} ${blue})` }} />;
}
