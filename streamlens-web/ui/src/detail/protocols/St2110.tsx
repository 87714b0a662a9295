import type { JsonValue } from '../../protocol';
import { at, Facts, Grid, isObject, numberAt, textAt } from '../values';
import { CountBars } from './CountBars';
import { atFrame, count, range, time, verdict } from './figures';

const CLASSES = ['narrow', 'narrow_linear', 'wide'] as const;
const wordsOf = (name: string | undefined) => name?.replaceAll('_', ' ');

/** ST 2110-21 of one stream: how evenly a sender sends. */
function Timing21({ stream, of }: { stream: JsonValue; of: JsonValue }) {
  const counts = at(of, 'c_inst_histogram');
  const bars = isObject(counts)
    ? Object.entries(counts)
        .map(([value, number]) => [Number(value), typeof number === 'number' ? number : 0] as const)
        .sort(([one], [other]) => one - other)
    : [];
  const limits = CLASSES.flatMap((name) => {
    const limit = numberAt(of, `cmax_${name}`);
    return limit === undefined ? [] : [{ label: wordsOf(name) ?? name, at: limit }];
  });
  const rows = CLASSES.flatMap((name) => {
    const judged = at(of, 'verdicts', name);
    if (!isObject(judged)) return [];
    return (['c_inst', 'vrx'] as const).flatMap((what) => {
      const one = at(judged, what);
      if (!isObject(one)) return [];
      const least = numberAt(one, 'minimum');
      const worst = `${count(one, 'worst') ?? '\u2013'}${atFrame(one, 'at')}`;
      const limit = `${least === undefined ? '' : `${least} to `}${count(one, 'limit') ?? ''}`;
      return [[wordsOf(name), what === 'vrx' ? 'VRX' : 'C_inst', worst, limit, verdict(one, 'passes')]];
    });
  });
  const isJudged = textAt(of, 'class') !== undefined;
  return (
    <>
      <h4>{textAt(stream, 'name') ?? textAt(stream, 'id')}</h4>
      <Facts
        of={[
          ['Class', wordsOf(textAt(of, 'class'))],
          ['Schedule', textAt(of, 'schedule')],
          [
            'C_inst, greatest',
            numberAt(of, 'c_inst_peak') === undefined
              ? undefined
              : `${count(of, 'c_inst_peak')}${atFrame(of, 'c_inst_peak_at')}`,
          ],
          [
            'VRX by PTP',
            numberAt(of, 'vrx_peak_ptp') === undefined
              ? undefined
              : `${textAt(of, 'vrx_min_ptp')} to ${count(of, 'vrx_peak_ptp')}`,
          ],
          [
            'VRX by the first packet',
            numberAt(of, 'vrx_peak_first_packet_anchor') === undefined
              ? undefined
              : `${textAt(of, 'vrx_min_first_packet_anchor')} to ${count(of, 'vrx_peak_first_packet_anchor')}`,
          ],
          ['First packet time (FPT)', range(of, 'first_packet_time_ns')],
          ['FPT', verdict(of, 'first_packet_time_passes')],
          ['Behind its RTP time', range(of, 'packet_vs_rtp_ns')],
          ['RTP latency', verdict(of, 'packet_vs_rtp_passes')],
          ['Between packets', range(of, 'packet_interval')],
          ['Between frames', range(of, 'packet_interval_after_marker')],
          ['Packets a frame', count(of, 'npackets')],
          ['Frame', time(of, 't_frame_ns')],
          ['TRO', time(of, 'tro_default_ns')],
          ['Packets not measured', count(of, 'packets_not_measured')],
        ]}
      />
      {textAt(of, 'capture_clock') ? (
        <p className="faint">Clock of the capture: {textAt(of, 'capture_clock')}.</p>
      ) : null}
      {isJudged ? null : (
        <p className="warn">
          No class is given: the stamps of this capture, or what is known of the format, do not suffice to judge.
        </p>
      )}
      <CountBars title="C_inst" counts={bars} limits={limits} />
      <Grid
        title="Against the limits of each class"
        head={['Class', 'Figure', 'Worst', 'Limit', 'Verdict']}
        rows={rows}
      />
    </>
  );
}

/** Video over ST 2110, as far as it is told how it is sent. */
export function St2110({ streams }: { streams: readonly JsonValue[] }) {
  const timed = streams.flatMap((stream) => {
    const of = at(stream, 'measures', 'st2110_21');
    return isObject(of) ? [{ stream, of }] : [];
  });
  return (
    <section>
      <h3>ST 2110-21</h3>
      {timed.length === 0 ? (
        <p className="faint">Nothing can be said yet: no whole frame was seen, or the format is not known.</p>
      ) : null}
      {timed.map(({ stream, of }) => (
        <Timing21 key={textAt(stream, 'id')} stream={stream} of={of} />
      ))}
      {timed.length > 0 ? (
        <p className="faint">
          C_inst and VRX over time are not in the result: it has their distribution and their worst.
        </p>
      ) : null}
    </section>
  );
}
