import { useEffect, useState } from 'react';
import { counted, grouped } from '../format/units';
import { useSession } from '../store/context';
import type { Session } from '../store/session';
import { useSignal } from '../store/signal';
import { stateOf } from './Analyses';

/** The line for those who hear the page is made anew at most so often, in milliseconds. */
const EVERY = 10_000;

function sentence(session: Session): string {
  const connection = session.connection.state.get();
  if (connection.kind === 'lost') return 'The connection to the server is lost.';
  if (connection.kind === 'connecting') return 'Connecting.';
  const analysis = session.analysis();
  if (!analysis) return 'Nothing is analysed yet: drop a capture here.';
  const findings = session.flows.capture.get()?.findings;
  if (!session.flows.capture.get()) return `${analysis.name.split('/').at(-1)}: ${stateOf(analysis)}.`;
  const { flows: shown } = session.flows.totals.get();
  const { filter, span } = session.view.get();
  const { flows: all } = session.flows.capture.get() ?? { flows: shown };
  // as the line above the table says it
  const isPart = filter !== '' || span !== undefined;
  const flows = isPart ? `${grouped(shown)} of ${counted(all, 'flow')}` : counted(shown, 'flow');
  const errors = findings?.error ? `, ${counted(findings.error, 'error')}` : '';
  return `${analysis.name.split('/').at(-1)}: ${stateOf(analysis)}, ${flows}${errors}.`;
}

/** What matters, in one line that doesn't change all the time. */
export function Status() {
  const session = useSession();
  const connection = useSignal(session.connection.state);
  const waiting = useSignal(session.flows.isWaiting);
  const { analysis, filter, span } = useSignal(session.view);
  const complete = useSignal(session.flows.complete);
  const [text, setText] = useState(() => sentence(session));
  // biome-ignore lint/correctness/useExhaustiveDependencies: made anew when something else is asked for or has come whole, and now and then
  useEffect(() => {
    setText(sentence(session));
    // the first rows are soon there
    const soon = setTimeout(() => setText(sentence(session)), 1500);
    const timer = setInterval(() => setText(sentence(session)), EVERY);
    return () => {
      clearTimeout(soon);
      clearInterval(timer);
    };
  }, [session, connection.kind, analysis, filter, span, complete]);
  return (
    <div className="status">
      <span className={`lamp is-${connection.kind === 'open' ? 'running' : 'failed'}`} aria-hidden="true" />
      <span role="status">{text}</span>
      {waiting ? <span className="faint">rows stay while your hand is on them</span> : null}
    </div>
  );
}

/** Something that a person should know of, for some seconds. */
export function Notice() {
  const session = useSession();
  const notice = useSignal(session.notice);
  useEffect(() => {
    if (!notice) return;
    const timer = setTimeout(() => session.notice.set(undefined), notice.isError ? 12_000 : 4000);
    return () => clearTimeout(timer);
  }, [notice, session]);
  return (
    <section className="notices" aria-label="Notices" aria-live="assertive">
      {notice ? (
        <p className={`notice${notice.isError ? ' is-error' : ''}`}>
          {notice.text}
          <button type="button" className="plain" aria-label="Dismiss" onClick={() => session.notice.set(undefined)}>
            ×
          </button>
        </p>
      ) : null}
    </section>
  );
}
