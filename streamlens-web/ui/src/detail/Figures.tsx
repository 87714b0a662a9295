import { full } from '../format/time';
import { bitRate, bytes, duration, grouped, packetRate, percent } from '../format/units';
import { useSession } from '../store/context';
import type { Row } from '../store/rowname';
import { findingsText, lossOf, meanRate } from '../table/columns';
import { at, Facts, type JsonObject, listAt, numberAt, textAt } from './values';

/** What a value that may be absent is written as. */
const put = <T,>(value: T | null | undefined, write: (value: T) => string) =>
  value === undefined || value === null ? undefined : write(value);

interface Props {
  /** The row, where it is in the view. */
  row: Row | undefined;
  /** The element of the document, once it is there. */
  element: JsonObject | undefined;
}

/** The figures of a row: those of the view, which change at once, else those of the details. */
export function Figures({ row, element }: Props) {
  const of = row?.of as JsonObject | undefined;
  const number = (...keys: string[]) => {
    for (const key of keys) {
      const value = numberAt(of, key) ?? numberAt(element, key);
      if (value !== undefined) return value;
    }
    return undefined;
  };
  const { lost, expected } = row ? lossOf(row) : {};
  const count = number('total_packets', 'packet_count', 'received');
  const what = row?.level === 'type' ? 'PDUs' : row?.level === 'stream' ? 'Received' : 'Frames';
  const isLive = useSession().isLive();
  return (
    <Facts
      of={[
        [what, put(count, grouped)],
        ['Bytes', put(number('total_bytes', 'byte_count'), bytes)],
        ['Rate now', isLive ? put(number('bit_rate_now'), bitRate) : undefined],
        ['Mean rate', put(row ? meanRate(row) : number('bit_rate'), bitRate)],
        ['Packets now', isLive ? put(number('packet_rate'), packetRate) : undefined],
        ['Lost', put(lost, (value) => `${grouped(value)}${expected === undefined ? '' : ` of ${grouped(expected)}`}`)],
        ['Confidence', put(number('confidence_score'), percent)],
        ['Findings', findingsText(row?.of.findings)],
        ['First', put(textAt(of, 'first_seen') ?? textAt(element, 'first_seen'), full)],
        ['Last', put(textAt(of, 'last_seen') ?? textAt(element, 'last_seen'), full)],
      ]}
    />
  );
}

export function Timing({ row, element }: { row: Row | undefined; element: JsonObject | undefined }) {
  const of = (at(element, 'timing_stats') ?? (row && row.level !== 'stream' ? row.of.timing_stats : undefined)) as
    | JsonObject
    | undefined;
  if (!of) return null;
  const figure = (key: string) => {
    const value = numberAt(of, key);
    return value === undefined ? undefined : duration(value);
  };
  const outliers = listAt(of, 'outliers', 'worst');
  const count = numberAt(of, 'outliers', 'count');
  return (
    <>
      <Facts
        of={[
          ['Mean', figure('mean_ns')],
          ['Deviation', figure('std_dev_ns')],
          ['Jitter', figure('jitter_ns')],
          ['Least', figure('min_ns')],
          ['p50', figure('p50_ns')],
          ['p95', figure('p95_ns')],
          ['p99', figure('p99_ns')],
          ['Greatest', figure('max_ns')],
          ['Outliers', count === undefined ? undefined : grouped(count)],
        ]}
      />
      {outliers.length > 0 ? (
        <details>
          <summary>The worst outliers</summary>
          <ul className="outliers">
            {outliers.map((outlier) => (
              <li key={numberAt(outlier, 'frame')}>
                {duration(numberAt(outlier, 'interval_ns') ?? 0)}{' '}
                <span className="faint">at frame {grouped(numberAt(outlier, 'frame') ?? 0)}</span>
              </li>
            ))}
          </ul>
        </details>
      ) : null}
    </>
  );
}
