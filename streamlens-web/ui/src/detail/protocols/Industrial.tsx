import type { JsonValue } from '../../protocol';
import { Facts, Grid, isObject, listAt, numberAt, textAt } from '../values';
import { count, range, texts, time } from './figures';

/** Cycles, round trips and working counters. */
export function EtherCat({ metadata }: { metadata: JsonValue | undefined }) {
  return (
    <section>
      <h3>EtherCAT</h3>
      <Facts
        of={[
          ['Stations', count(metadata, 'station_count')],
          ['Round trip', range(metadata, 'round_trip')],
          ['Frames sent', count(metadata, 'frames', 'sent')],
          ['Came back', count(metadata, 'frames', 'returned')],
          ['Lost', count(metadata, 'frames', 'lost')],
          ['Bad cycles', count(metadata, 'frames', 'bad_cycles')],
        ]}
      />
      <Grid
        title="Cycles"
        head={['What is sent', 'Times', 'Interval', 'Jitter p99', 'Jitter, greatest', 'Late']}
        rows={listAt(metadata, 'cycles').map((of) => [
          texts(of, 'commands'),
          count(of, 'sent'),
          range(of, 'interval'),
          time(of, 'jitter_p99_ns'),
          time(of, 'jitter_max_ns'),
          count(of, 'late'),
        ])}
      />
      <Grid
        title="Working counters"
        head={['Slot', 'Expected', 'Returned', 'Below', 'Above', 'Zero', 'Longest below']}
        rows={listAt(metadata, 'working_counters').map((of) => [
          textAt(of, 'slot'),
          ...['expected', 'returned', 'below', 'above', 'zero', 'longest_run_below'].map((key) => count(of, key)),
        ])}
      />
    </section>
  );
}

/** Cycles of each frame identifier. */
export function Profinet({ metadata, streams }: { metadata: JsonValue | undefined; streams: readonly JsonValue[] }) {
  const cyclic = streams.filter((stream) => isObject(stream) && isObject(stream.measures));
  return (
    <section>
      <h3>PROFINET</h3>
      <Facts
        of={[
          ['From station', textAt(metadata, 'src_station')],
          ['To station', textAt(metadata, 'dst_station')],
        ]}
      />
      {cyclic.length === 0 ? <p className="faint">No cyclic data here.</p> : null}
      <Grid
        title="Cyclic data"
        head={[
          'FrameID',
          'Frames',
          'Update time',
          'Interval',
          'Missing cycles',
          'Data status',
          'With a station problem',
        ]}
        rows={cyclic.map((stream) => [
          textAt(stream, 'id'),
          count(stream, 'measures', 'frames'),
          time(stream, 'measures', 'nominal_update_time_ns'),
          range(stream, 'measures', 'interval_ns'),
          count(stream, 'measures', 'missing_cycles'),
          textAt(stream, 'measures', 'data_status'),
          count(stream, 'measures', 'station_problem_frames'),
        ])}
      />
    </section>
  );
}

/** Transactions and how long an answer takes. */
export function Modbus({ metadata }: { metadata: JsonValue | undefined }) {
  const exceptions = numberAt(metadata, 'transactions', 'exceptions');
  return (
    <section>
      <h3>Modbus</h3>
      <Facts
        of={[
          ['Role', textAt(metadata, 'role')],
          ['Response time', range(metadata, 'response_time')],
          ['Response time p99', time(metadata, 'response_time', 'p99_ns')],
          ['Requests', count(metadata, 'transactions', 'requests')],
          ['Responses', count(metadata, 'transactions', 'responses')],
          ['Unanswered', count(metadata, 'transactions', 'unanswered')],
          ['Exceptions', exceptions === undefined ? undefined : String(exceptions)],
          ['Outstanding at most', count(metadata, 'transactions', 'most_outstanding')],
        ]}
      />
      <Grid
        title="Functions"
        head={['Unit', 'Function', 'Requests', 'Responses', 'Exceptions', 'Response time', 'p99']}
        rows={listAt(metadata, 'functions').map((of) => [
          count(of, 'unit'),
          textAt(of, 'name'),
          count(of, 'requests'),
          count(of, 'responses'),
          count(of, 'exceptions'),
          range(of, 'response_time'),
          time(of, 'response_time', 'p99_ns'),
        ])}
      />
      <Grid
        title="Polls"
        head={['Unit', 'Function', 'Address', 'Quantity', 'Requests', 'Interval']}
        rows={listAt(metadata, 'polls').map((of) => [
          count(of, 'unit'),
          count(of, 'function'),
          count(of, 'address'),
          count(of, 'quantity'),
          count(of, 'requests'),
          range(of, 'interval'),
        ])}
      />
    </section>
  );
}
