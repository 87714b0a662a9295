import { duration, grouped, ppm, share } from '../format/units';
import type { JsonValue } from '../protocol';
import { Grid, isObject, numberAt, textAt } from './values';

/** More than these are in the table itself: expand the encoding. */
const MOST = 100;

/** Streams with their health. */
export function Streams({ of }: { of: readonly JsonValue[] }) {
  if (of.length === 0) return null;
  const count = (stream: JsonValue, key: string) => {
    const value = numberAt(stream, key);
    return value === undefined ? undefined : grouped(value);
  };
  const rows = of
    .slice(0, MOST)
    .filter(isObject)
    .map((stream) => {
      const lost = numberAt(stream, 'lost');
      const expected = numberAt(stream, 'expected');
      const jitter = numberAt(stream, 'jitter_ns');
      const drift = numberAt(stream, 'drift_ppm');
      const worst = numberAt(stream, 'longest_gap_at', 'frame');
      return [
        textAt(stream, 'name') ?? (typeof stream.id === 'string' ? stream.id : undefined),
        count(stream, 'received'),
        count(stream, 'expected'),
        lost === undefined
          ? undefined
          : `${grouped(lost)}${lost > 0 && expected ? ` (${share(lost / expected)})` : ''}`,
        count(stream, 'duplicated'),
        count(stream, 'reordered'),
        count(stream, 'restarts'),
        numberAt(stream, 'longest_gap') === undefined
          ? undefined
          : `${count(stream, 'longest_gap')}${worst === undefined ? '' : ` at frame ${grouped(worst)}`}`,
        jitter === undefined ? undefined : duration(jitter),
        drift === undefined ? undefined : ppm(drift),
      ];
    });
  return (
    <section>
      <h3>Streams</h3>
      <Grid
        title={of.length > MOST ? `the first ${MOST} of ${grouped(of.length)}` : 'Health of the streams'}
        head={[
          'Stream',
          'Received',
          'Expected',
          'Lost',
          'Duplicated',
          'Reordered',
          'Restarts',
          'Longest gap',
          'Jitter',
          'Drift',
        ]}
        rows={rows}
      />
    </section>
  );
}
