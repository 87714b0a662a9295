import { bitRate } from '../../format/units';
import type { JsonValue } from '../../protocol';
import { at, Facts, Grid, isObject, numberAt, textAt } from '../values';
import { count, time } from './figures';

const named = (stream: JsonValue) => textAt(stream, 'name') ?? textAt(stream, 'id');
const rate = (of: JsonValue) => {
  const value = numberAt(of, 'measures', 'bit_rate');
  return value === undefined ? undefined : bitRate(value);
};
const perSecond = (of: JsonValue) => {
  const value = numberAt(of, 'measures', 'rate_hz');
  return value === undefined ? undefined : `${value.toFixed(2)} Hz`;
};

/** Keys of IENA, and streams of iNetX: what they carry, how often, how far their time is from the capture's. */
export function Keys({ title, streams }: { title: string; streams: readonly JsonValue[] }) {
  return (
    <section>
      <h3>{title}</h3>
      <Grid
        title="Rates, and the time in the packets less that of the capture"
        head={[
          'Key',
          'Variant',
          'Known by',
          'Rate',
          'Throughput',
          'Longest interval',
          'Payload',
          'Time, least',
          'mean',
          'greatest',
          'Steps back',
        ]}
        rows={streams.map((stream) => {
          const least = textAt(stream, 'measures', 'payload_min_bytes');
          const most = textAt(stream, 'measures', 'payload_max_bytes');
          return [
            named(stream),
            textAt(stream, 'measures', 'type'),
            textAt(stream, 'measures', 'type_certainty'),
            perSecond(stream),
            rate(stream),
            time(stream, 'measures', 'longest_interval_ns'),
            least === undefined ? undefined : `${least === most ? least : `${least} to ${most}`} B`,
            time(stream, 'measures', 'time_error_min_ns'),
            time(stream, 'measures', 'time_error_mean_ns'),
            time(stream, 'measures', 'time_error_max_ns'),
            count(stream, 'measures', 'time_backward_steps'),
          ];
        })}
      />
    </section>
  );
}

/** Channels of Chapter 10. */
export function Chapter10({ metadata, streams }: { metadata: JsonValue | undefined; streams: readonly JsonValue[] }) {
  const channels = streams.filter((stream) => textAt(stream, 'measures', 'channel_id') !== undefined);
  const clocks = channels.filter((stream) => isObject(at(stream, 'measures', 'time')));
  return (
    <section>
      <h3>Chapter 10</h3>
      <Facts
        of={[
          ['Programme', textAt(metadata, 'setup_record', 'programme')],
          ['Release', textAt(metadata, 'setup_record', 'release')],
          ['Channels in the setup record', count(metadata, 'setup_record', 'channels')],
          ['Header checksums, wrong', count(metadata, 'header_checksum', 'checksum_bad')],
          ['Data checksums, wrong', count(metadata, 'data_checksum', 'bad')],
          ['Without sync word', count(metadata, 'header_checksum', 'no_sync')],
        ]}
      />
      <Grid
        title="Channels"
        head={['Channel', 'In the setup record', 'Data', 'Packets', 'Lost', 'Clock back', 'First', 'Last']}
        rows={channels.map((stream) => {
          const types = at(stream, 'measures', 'types');
          return [
            named(stream),
            textAt(stream, 'measures', 'setup_type'),
            isObject(types) ? Object.keys(types).join(', ') : undefined,
            count(stream, 'measures', 'packets'),
            count(stream, 'lost'),
            count(stream, 'measures', 'rtc_backward_steps'),
            textAt(stream, 'measures', 'utc_first')?.slice(11, 23),
            textAt(stream, 'measures', 'utc_last')?.slice(11, 23),
          ];
        })}
      />
      <Grid
        title="Time channels"
        head={[
          'Channel',
          'Format',
          'Source',
          'Scale',
          'Packets',
          'Longest interval',
          'Largest step',
          'Less the capture',
        ]}
        rows={clocks.map((stream) => {
          const of = (key: string) => ['measures', 'time', key] as const;
          return [
            named(stream),
            textAt(stream, ...of('format')),
            textAt(stream, ...of('source')),
            textAt(stream, ...of('scale')),
            count(stream, ...of('packets')),
            time(stream, ...of('longest_interval_ns')),
            time(stream, ...of('largest_step_against_rtc_ns')),
            time(stream, ...of('first_less_capture_time_ns')),
          ];
        })}
      />
    </section>
  );
}
