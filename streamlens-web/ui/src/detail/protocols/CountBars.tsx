import { grouped } from '../../format/units';

const WIDE = 480;
const HIGH = 110;

interface Props {
  title: string;
  /** Counts by whole numbers. */
  counts: readonly (readonly [number, number])[];
  /** Lines at whole numbers, such as those of a standard. */
  limits: readonly { label: string; at: number }[];
}

/** How often each whole number was, with limits as lines; frequencies by powers of ten, so that rare ones are seen. */
export function CountBars({ title, counts, limits }: Props) {
  if (counts.length === 0) return null;
  const values = counts.map(([value]) => value);
  const least = Math.min(0, ...values);
  const highest = Math.max(...values);
  // a limit far away would make all bars one line
  const near = limits.filter((limit) => limit.at <= Math.max(16, highest * 4));
  const most = Math.max(...counts.map(([, count]) => count));
  const end = Math.max(highest, ...near.map((limit) => limit.at)) + 1;
  const x = (value: number) => 10 + ((value - least) / Math.max(1, end - least)) * (WIDE - 20);
  const y = (count: number) => HIGH - 18 - ((Math.log10(count) + 0.4) / (Math.log10(most) + 0.4)) * (HIGH - 36);
  const step = Math.max(1, Math.ceil((end - least) / 12));
  const ticks = Array.from({ length: Math.floor((end - least) / step) + 1 }, (_, place) => least + place * step);
  const text = `${least === highest ? least : `${Math.min(...values)} to ${highest}`}, ${grouped(counts.reduce((sum, [, count]) => sum + count, 0))} packets`;
  const far = limits.filter((limit) => !near.includes(limit));
  return (
    <figure className="figure">
      <figcaption>
        <b>{title}</b> <span className="faint">{text}</span>
        {far.length > 0 ? (
          <span className="faint">
            {' '}
            (limits beyond: {far.map((limit) => `${limit.label} ${grouped(limit.at)}`).join(', ')})
          </span>
        ) : null}
      </figcaption>
      <svg className="histogram" viewBox={`0 0 ${WIDE} ${HIGH}`} role="img" aria-label={`${title}: ${text}`}>
        {counts.map(([value, count]) => (
          <rect
            key={value}
            className="bar"
            x={x(value)}
            width={Math.max(1.5, x(value + 1) - x(value) - 1)}
            y={y(count)}
            height={HIGH - 18 - y(count)}
          >
            <title>{`${value}: ${grouped(count)}`}</title>
          </rect>
        ))}
        {ticks.map((tick) => (
          <text key={tick} x={x(tick + 0.5)} y={HIGH - 5} textAnchor="middle">
            {tick}
          </text>
        ))}
        {near.map((limit) => (
          <g key={limit.label} className="mark">
            <line x1={x(limit.at + 1)} x2={x(limit.at + 1)} y1={12} y2={HIGH - 18} />
            <text x={x(limit.at + 1) - 3} y={10} textAnchor="end">
              {limit.label} {grouped(limit.at)}
            </text>
          </g>
        ))}
      </svg>
    </figure>
  );
}
