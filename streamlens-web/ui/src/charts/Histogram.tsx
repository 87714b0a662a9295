import { useMemo } from 'react';
import { duration, grouped, tick as tickText } from '../format/units';
import type { Bucket } from '../protocol';
import { binned } from './bins';

const WIDE = 480;
const HIGH = 132;
const LEFT = 44;
const BOTTOM = 20;

/** A line across the histogram, where a figure lies. */
export interface Mark {
  label: string;
  nanos: number;
}

/** Marks whose labels would lie on one another, under one label. */
function together(marks: readonly Mark[], x: (nanos: number) => number): Mark[] {
  const joined: Mark[] = [];
  for (const mark of marks) {
    const last = joined.at(-1);
    if (last && Math.abs(x(mark.nanos) - x(last.nanos)) < 26) {
      joined[joined.length - 1] = { label: `${last.label} ${mark.label}`, nanos: mark.nanos };
    } else joined.push(mark);
  }
  return joined;
}

/** How often which inter-arrival times were; lengths by powers of ten, counts too, as the rare ones matter most. */
export function Histogram({
  buckets,
  marks,
  title,
}: {
  buckets: readonly Bucket[];
  marks: readonly Mark[];
  title: string;
}) {
  const bins = useMemo(() => binned(buckets), [buckets]);
  if (bins.length === 0) return <p className="faint">No intervals yet.</p>;
  const total = bins.reduce((sum, bin) => sum + bin.count, 0);
  const most = Math.max(...bins.map((bin) => bin.count));
  const low = Math.log10(bins[0]?.low ?? 1) - 0.02;
  const high = Math.max(low + 0.4, Math.log10(bins.at(-1)?.high ?? 10) + 0.02);
  const x = (nanos: number) => LEFT + ((Math.log10(Math.max(nanos, 1)) - low) / (high - low)) * (WIDE - LEFT - 8);
  const y = (count: number) =>
    count <= 0
      ? HIGH - BOTTOM
      : HIGH - BOTTOM - ((Math.log10(count) + 0.5) / (Math.log10(most) + 0.5)) * (HIGH - BOTTOM - 14);
  const ticks: number[] = [];
  const factors = high - low > 3 ? [1] : high - low > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9];
  for (let decade = Math.floor(low); decade <= high; decade += 1) {
    for (const factor of factors) {
      const at = Math.log10(factor) + decade;
      if (at >= low && at <= high) ticks.push(10 ** at);
    }
  }
  const counts = [1, 10, 100, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8].filter((count) => count <= most);
  const text = `${grouped(total)} intervals from ${duration(bins[0]?.low ?? 0)} to ${duration(bins.at(-1)?.high ?? 0)}`;
  return (
    <figure className="figure">
      <figcaption>
        <b>{title}</b> <span className="faint">{text}; both scales by powers of ten</span>
      </figcaption>
      <svg className="histogram" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={`${title}: ${text}`}>
        {counts.map((count) => (
          <g key={count}>
            <line className="grid" x1={LEFT} x2={WIDE - 8} y1={y(count)} y2={y(count)} />
            <text x={LEFT - 5} y={y(count) + 3} textAnchor="end">
              {grouped(count)}
            </text>
          </g>
        ))}
        {bins.map((bin) =>
          bin.count === 0 ? null : (
            <rect
              key={bin.low}
              className="bar"
              x={x(bin.low)}
              width={Math.max(1.2, x(bin.high) - x(bin.low) - 0.6)}
              y={y(bin.count)}
              height={HIGH - BOTTOM - y(bin.count)}
            >
              <title>{`${duration(bin.low)} to ${duration(bin.high)}: ${grouped(bin.count)}`}</title>
            </rect>
          ),
        )}
        {ticks.map((tick) => (
          <text key={tick} x={x(tick)} y={HIGH - 5} textAnchor="middle">
            {tickText(tick)}
          </text>
        ))}
        {together(marks, x).map((mark) => (
          <g key={mark.label} className="mark">
            <line x1={x(mark.nanos)} x2={x(mark.nanos)} y1={10} y2={HIGH - BOTTOM} />
            <text x={x(mark.nanos)} y={8} textAnchor="middle">
              {mark.label}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
}
