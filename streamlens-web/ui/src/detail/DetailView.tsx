import { useCallback, useMemo, useSyncExternalStore } from 'react';
import { HeatMap, type Outlier } from '../charts/HeatMap';
import { Histogram } from '../charts/Histogram';
import { TimeChart } from '../charts/TimeChart';
import { type Span, seconds } from '../format/time';
import { bitRate, duration, packetRate, percent } from '../format/units';
import { copy } from '../shell/clipboard';
import { useSession } from '../store/context';
import type { Details } from '../store/details';
import { labelOf, parse } from '../store/rowname';
import { useSignal } from '../store/signal';
import { joined } from '../store/view';
import { lossOf } from '../table/columns';
import { Bursts } from './Bursts';
import { Figures, Timing } from './Figures';
import { FindingItem } from './Findings';
import { Seen } from './Probes';
import { ProtocolPanel } from './protocols/ProtocolPanel';
import { Streams } from './Streams';
import { at, isObject, type JsonObject, listAt, numberAt, Tree } from './values';

/** What the element of the document has that is shown elsewhere. */
const SHOWN = [
  'timing_stats',
  'transport_protocols',
  'application_encodings',
  'packet_types',
  'health',
  'src',
  'dst',
  'reasons',
  'candidates',
  'decoder_metadata',
  'total_packets',
  'total_bytes',
  'packet_count',
  'byte_count',
  'bit_rate',
  'bursts',
];

/** The time from the first to the last figure; where there are none, the second before what is shown. */
function extent(details: Details | undefined, timestamp: string | undefined): Span {
  const times = details?.series.time ?? [];
  const columns = details?.heat.columns ?? [];
  const step = details?.series.step ?? 1;
  const firsts = [times[0], columns[0]?.at].filter((one) => one !== undefined);
  const lasts = [times.at(-1), columns.at(-1)?.at].filter((one) => one !== undefined);
  if (firsts.length === 0) {
    const now = seconds(timestamp) ?? 0;
    return { from: now - 1, to: now };
  }
  const from = Math.min(...firsts);
  return { from: from - step / 2, to: Math.max(Math.max(...lasts) + step, from + step) };
}

/** All that is known of the row that is selected. */
export function DetailView() {
  const session = useSession();
  const view = useSignal(session.view);
  const details = useSignal(session.details.now);
  const timestamp = useSignal(session.flows.timestamp);
  const name = view.selected;
  const subscribe = useCallback(
    (listener: () => void) => (name === undefined ? () => {} : session.flows.subscribe(name, listener)),
    [session, name],
  );
  const row = useSyncExternalStore(subscribe, () => (name === undefined ? undefined : session.flows.row(name)));
  const all = useMemo(() => extent(details, details?.timestamp), [details]);
  const element = details?.element;
  const outliers = useMemo(
    () => listAt(element, 'timing_stats', 'outliers', 'worst') as unknown as Outlier[],
    [element],
  );
  const { series } = details ?? {};
  const lines = useMemo(
    () =>
      series && {
        bits: [{ label: 'throughput', color: 'series-1' as const, values: series.bits }],
        packets: [{ label: 'packet rate', color: 'series-2' as const, values: series.packets }],
        jitter: [{ label: 'jitter', color: 'series-4' as const, values: series.jitter }],
        lost: [{ label: 'lost', color: 'series-3' as const, values: series.lost, isBars: true }],
      },
    [series],
  );
  if (name === undefined) return <p className="none">Choose a row to see its details.</p>;
  const path = parse(name);
  const isMissing = details?.isGone || (!details && !row);
  const metadata = at(element, 'decoder_metadata') ?? at(element, 'measures');
  const rest = element && Object.fromEntries(Object.entries(element).filter(([key]) => !SHOWN.includes(key)));
  const measured = (values: readonly (number | null)[] | undefined) => values?.some((value) => value !== null) ?? false;
  const marks = (['p50', 'p95', 'p99'] as const).flatMap((key) => {
    const nanos = numberAt(element, 'timing_stats', `${key}_ns`);
    return nanos === undefined ? [] : [{ label: key, nanos }];
  });
  return (
    <article className="details">
      <header>
        <h2>
          {row
            ? labelOf(row)
            : (path?.types.at(-1) ?? path?.stream ?? path?.encoding ?? path?.transport ?? path?.flow ?? name)}
        </h2>
        {path && path.level !== 'flow' ? (
          <p className="faint">{[path.flow, path.transport, path.encoding].filter(Boolean).join(' \u203a ')}</p>
        ) : null}
        <p className="acts">
          <button type="button" onClick={() => copy(session, location.href)}>
            Copy link
          </button>
          <button type="button" onClick={() => copy(session, name)}>
            Copy name
          </button>
          {path?.encoding ? (
            <button
              type="button"
              onClick={() => session.show({ filter: joined(view.filter, `encoding == "${path.encoding}"`) })}
            >
              Only {path.encoding}
            </button>
          ) : null}
          {view.span ? (
            <button type="button" onClick={() => session.show({ span: undefined })}>
              All of the time
            </button>
          ) : null}
        </p>
      </header>
      {isMissing ? <p className="none">There is no such row now. It is shown when it comes.</p> : null}
      {view.at !== undefined ? (
        <p className="warn">Charts and figures below are those of now; the table is that of the moment held.</p>
      ) : null}
      <Figures row={row} element={element} />
      {row?.level === 'flow' ? <Seen flow={row.of} /> : null}
      {row?.level === 'stream' ? null : (
        <section>
          <h3>Inter-arrival times</h3>
          <Timing row={row} element={element} />
          {details?.histogram?.length ? (
            <Histogram title="How often" buckets={details.histogram} marks={marks} />
          ) : null}
          {details && details.heat.columns.length > 0 ? (
            <HeatMap heat={details.heat} of={`${details.row} ${details.start}`} outliers={outliers} all={all} />
          ) : null}
        </section>
      )}
      <Bursts of={listAt(element, 'bursts')} />
      {path?.encoding ? (
        <ProtocolPanel encoding={path.encoding} metadata={metadata} streams={details?.streams ?? []} />
      ) : null}
      {lines && series && series.time.length > 0 ? (
        <section>
          <h3>Over time</h3>
          <TimeChart title="Throughput" time={series.time} lines={lines.bits} all={all} write={bitRate} />
          <TimeChart title="Packets per second" time={series.time} lines={lines.packets} all={all} write={packetRate} />
          {measured(series.jitter) ? (
            <TimeChart title="Jitter" time={series.time} lines={lines.jitter} all={all} write={duration} />
          ) : null}
          {measured(series.lost) ? (
            <TimeChart
              title="Lost"
              time={series.time}
              lines={lines.lost}
              all={all}
              write={(value) => String(Math.round(value))}
              height={96}
            />
          ) : (
            <p className="faint">
              {row && lossOf(row).lost === undefined
                ? 'Loss is not known: nothing here has sequence numbers.'
                : 'Loss by the second is kept for encodings and streams.'}
            </p>
          )}
        </section>
      ) : null}
      {details && details.series.time.length === 0 && session.analysis()?.state === 'ended' ? (
        <p className="faint">
          There are no figures over time: they are kept of a row from when it is looked at while frames come, and all of
          this capture has been read. A replay has them: streamlens serve --replay.
        </p>
      ) : null}
      {details?.streams ? <Streams of={details.streams} /> : null}
      {details?.findings && details.findings.length > 0 ? (
        <section>
          <h3>Findings</h3>
          <ul>
            {details.findings.map((finding) => (
              <FindingItem key={finding.id} finding={finding} />
            ))}
          </ul>
        </section>
      ) : null}
      {details?.reasons ? <Reasons of={details.reasons} /> : null}
      {isObject(metadata) && Object.keys(metadata).length > 0 ? (
        <section>
          <h3>Metadata</h3>
          <Tree of={metadata} />
        </section>
      ) : null}
      {rest && Object.keys(rest).length > 0 ? (
        <section>
          <h3>More</h3>
          <Tree of={rest} />
        </section>
      ) : null}
      {!details && row ? <p className="faint">Asking for details{timestamp ? '' : ' (no frames yet)'}.</p> : null}
    </article>
  );
}

function Reasons({ of }: { of: NonNullable<Details['reasons']> }) {
  const encodings = Object.entries(of.encodings);
  const candidates = Object.values(of.candidates).flat() as JsonObject[];
  if (encodings.length === 0 && candidates.length === 0) return null;
  return (
    <section>
      <h3>Why, and what else it could be</h3>
      <ul className="reasons">
        {encodings.flatMap(([name, reasons]) =>
          (reasons ?? []).map((reason) => (
            <li key={`${name} ${reason}`}>
              <b>{name}</b> {reason}
            </li>
          )),
        )}
        {candidates.map((candidate) => (
          <li key={`${candidate.encoding_name} ${candidate.reason}`} className="faint">
            perhaps <b>{String(candidate.encoding_name)}</b> ({percent(numberAt(candidate, 'confidence_score') ?? 0)}){' '}
            {candidate.reason === undefined ? '' : String(candidate.reason)}
          </li>
        ))}
      </ul>
    </section>
  );
}
