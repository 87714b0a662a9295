import { full } from '../format/time';
import { bytes, counted, grouped } from '../format/units';
import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import { FindingBadges } from '../table/Cells';

/** What is analysed, in a line: counts, drops, time. */
export function Summary() {
  const session = useSession();
  const capture = useSignal(session.flows.capture);
  const timestamp = useSignal(session.flows.timestamp);
  const { flows, rows } = useSignal(session.flows.totals);
  const view = useSignal(session.view);
  useSignal(session.analyses);
  const analysis = session.analysis();
  if (!capture || !analysis) return null;
  const dropped = Object.entries(capture.dropped ?? {}).filter(([, count]) => count > 0);
  const isFiltered = view.filter !== '' || view.span !== undefined;
  return (
    <section className="summary" aria-label="The capture">
      <span>
        <b>{isFiltered ? `${grouped(flows)} of ${counted(capture.flows, 'flow')}` : counted(flows, 'flow')}</b>
        {rows === flows ? null : <span className="faint">, {counted(rows, 'row')}</span>}
      </span>
      <span>{counted(capture.packets, 'frame')}</span>
      <span>{bytes(capture.bytes)}</span>
      {capture.packets_not_in_flows > 0 ? (
        <span className="faint">{grouped(capture.packets_not_in_flows)} in no flow</span>
      ) : null}
      {capture.retired && capture.retired.flows > 0 ? (
        <span className="faint">{counted(capture.retired.flows, 'flow')} ended for want of room</span>
      ) : null}
      <span className={dropped.length > 0 ? 'is-bad' : 'faint'} title="frames that the capture itself lost">
        {capture.dropped === undefined
          ? 'drops unknown'
          : dropped.length === 0
            ? 'none dropped'
            : dropped.map(([name, count]) => `${grouped(count)} dropped at ${name}`).join(', ')}
      </span>
      <button
        type="button"
        className="plain"
        aria-pressed={view.panel === 'findings'}
        onClick={() => session.show({ panel: view.panel === 'findings' ? 'none' : 'findings' })}
      >
        {capture.findings ? <FindingBadges counts={capture.findings} /> : 'No findings'}
      </button>
      <span className="spacer" />
      {timestamp ? (
        <span className="time" title="capture time of what is shown">
          {full(timestamp)}
        </span>
      ) : null}
    </section>
  );
}
