import { full } from '../format/time';
import { bytes, duration, grouped, share } from '../format/units';
import type { JsonValue } from '../protocol';
import { Grid, isObject, numberAt, textAt } from './values';

/** The most bytes and frames that came in windows of some lengths, where the server was told to find them. */
export function Bursts({ of }: { of: readonly JsonValue[] }) {
  if (of.length === 0) return null;
  const since = (burst: JsonValue, key: string) => {
    const time = textAt(burst, key);
    return time === undefined ? undefined : full(time);
  };
  const rows = of.filter(isObject).map((burst) => {
    const least = burst.is_at_least === true ? 'at least ' : '';
    const use = numberAt(burst, 'link_use');
    return [
      duration(numberAt(burst, 'window_ns') ?? 0),
      `${least}${bytes(numberAt(burst, 'bytes') ?? 0)}${use === undefined ? '' : ` (${share(use)} of the link)`}`,
      since(burst, 'bytes_since'),
      `${least}${grouped(numberAt(burst, 'frames') ?? 0)}`,
      since(burst, 'frames_since'),
    ];
  });
  return (
    <section>
      <h3>Bursts</h3>
      <Grid
        title="The fullest windows of each length"
        head={['Window', 'Most bytes', 'Bytes from', 'Most frames', 'Frames from']}
        rows={rows}
      />
    </section>
  );
}
