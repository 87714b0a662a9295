import { clock, instant, seconds } from '../format/time';
import { counted, grouped } from '../format/units';
import type { Finding } from '../protocol';
import { useSession } from '../store/context';
import { SEVERITIES } from '../store/findings';
import { api } from '../store/rest';
import { parentOf } from '../store/rowname';
import { useSignal } from '../store/signal';
import { SIGNS } from '../table/Cells';

/** Seconds before and after a finding that are shown, or saved. */
const AROUND = 5;

/** The rows above a row, from the top. */
function above(name: string): string[] {
  const parent = parentOf(name);
  return parent === undefined ? [] : [...above(parent), parent];
}

/** One finding; it leads to its row and its moment. */
export function FindingItem({ finding }: { finding: Finding }) {
  const session = useSession();
  const analysis = session.analysis();
  const { row } = finding;
  const when = seconds(finding.first.time);
  const span = when === undefined ? undefined : { from: when - AROUND, to: when + AROUND };
  const place = [finding.where.flow, finding.where.transport, finding.where.encoding, finding.where.stream]
    .filter(Boolean)
    .join(', ');
  const lead = () => {
    if (row === undefined) return;
    const open = [...new Set([...session.view.get().expanded, ...above(row)])];
    session.show({ selected: row, panel: 'detail', expanded: open });
  };
  const packets =
    session.hello.get()?.rights.packets && analysis?.has_packets && span
      ? `${api(`analyses/${encodeURIComponent(analysis.id)}/export`)}?${new URLSearchParams({
          format: 'pcapng',
          from: instant(span.from),
          to: instant(span.to),
        })}`
      : undefined;
  return (
    <li className={`finding is-${finding.severity}`}>
      <span className="sign" aria-hidden="true">
        {SIGNS[finding.severity]}
      </span>
      <div>
        <p>
          <span className="unseen">{finding.severity}: </span>
          <b>{finding.code}</b>{' '}
          <span className="faint">
            {[
              finding.count > 1 ? `${grouped(finding.count)} times, first` : '',
              finding.first.frame > 0 ? `at frame ${grouped(finding.first.frame)},` : '',
              finding.first.time ? clock(finding.first.time) : '',
            ]
              .filter(Boolean)
              .join(' ')
              .replace(/,$/, '')}
            {finding.count > 1 && finding.last.time ? `, last ${clock(finding.last.time)}` : ''}
          </span>
        </p>
        <p>{finding.text}</p>
        {place ? <p className="faint">{place}</p> : null}
        <p className="acts">
          {row === undefined ? null : (
            <button type="button" onClick={lead}>
              To the row
            </button>
          )}
          {span ? (
            <button type="button" onClick={() => session.show({ span })}>
              This moment
            </button>
          ) : null}
          {packets ? (
            <a href={packets} download>
              Save the packets around it
            </a>
          ) : null}
        </p>
      </div>
    </li>
  );
}

/** All findings of the view, the gravest first. */
export function Findings() {
  const session = useSession();
  const all = useSignal(session.findings.list);
  const isCut = useSignal(session.findings.isCut);
  const { span } = useSignal(session.view);
  const list = span
    ? all.filter((finding) => {
        const first = seconds(finding.first.time);
        const last = seconds(finding.last.time) ?? first;
        return first === undefined || (first <= span.to && (last ?? first) >= span.from);
      })
    : all;
  if (list.length === 0) return <p className="none">{all.length > 0 ? 'No findings in this span.' : 'No findings.'}</p>;
  return (
    <>
      {SEVERITIES.map((severity) => {
        const of = list.filter((finding) => finding.severity === severity);
        if (of.length === 0) return null;
        return (
          <section key={severity}>
            <h3>{severity === 'info' ? `${of.length} info` : counted(of.length, severity)}</h3>
            <ul>
              {of.slice(0, 500).map((finding) => (
                <FindingItem key={finding.id} finding={finding} />
              ))}
            </ul>
            {of.length > 500 ? (
              <p className="faint">and {grouped(of.length - 500)} more: filter by severity or code</p>
            ) : null}
          </section>
        );
      })}
      {isCut ? <p className="faint">There are more; the gravest are kept. The whole result has all.</p> : null}
    </>
  );
}
