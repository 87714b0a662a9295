import { useEffect, useState } from 'react';
import { Panel } from '../detail/Panel';
import { FilterBox } from '../filter/FilterBox';
import type { Depth } from '../protocol';
import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import { PagedTable } from '../table/PagedTable';
import { TreeTable } from '../table/TreeTable';
import { Analyses } from './Analyses';
import { ConnectionBar } from './Connection';
import { ColumnChooser, Keys } from './Dialogs';
import { Drop, DropHint } from './Drop';
import { Export } from './Export';
import { type PageKey, pageKey } from './keys';
import { Notice, Status } from './Status';
import { Summary } from './Summary';
import { hold, live, step, TimeBar } from './TimeBar';
import { nextTheme, theme } from './theme';

const DEPTHS: readonly [Depth, string][] = [
  ['flow', 'Flows'],
  ['transport', 'Transports'],
  ['encoding', 'Encodings'],
  ['type', 'Packet types'],
  ['stream', 'Types and streams'],
];

export function App() {
  const session = useSession();
  const view = useSignal(session.view);
  const connection = useSignal(session.connection.state);
  const totals = useSignal(session.flows.totals);
  const analyses = useSignal(session.analyses);
  const hello = useSignal(session.hello);
  const problem = useSignal(session.filterProblem);
  const refusal = useSignal(session.refusal);
  const complete = useSignal(session.flows.complete);
  const chosen = useSignal(theme);
  const [dialog, setDialog] = useState<'keys' | 'columns' | undefined>(undefined);

  useEffect(() => {
    const acts: Record<PageKey, () => void> = {
      filter: () => document.getElementById('filter')?.focus(),
      findings: () => session.show({ panel: session.view.get().panel === 'findings' ? 'none' : 'findings' }),
      detail: () => session.show({ panel: session.view.get().panel === 'detail' ? 'none' : 'detail' }),
      pause: () => hold(session),
      back: () => step(session, -1),
      on: () => step(session, 1),
      live: () => live(session),
      columns: () => setDialog('columns'),
      theme: () => theme.update(nextTheme),
      help: () => setDialog('keys'),
      close: () => session.show({ panel: 'none' }),
    };
    const listen = (event: KeyboardEvent) => {
      const key = pageKey(event);
      if (key === undefined) return;
      event.preventDefault();
      acts[key]();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, [session]);

  const isFiltered = view.filter !== '' || view.span !== undefined;
  let empty: string | undefined;
  if (hello === undefined)
    empty = refusal ?? (connection.kind === 'lost' ? 'Waiting for the server.' : 'Asking the server.');
  else if (analyses.length > 0 && session.analysis() === undefined) empty = 'This analysis is gone.';
  else if (problem?.filter === view.filter)
    empty = `The filter is wrong: ${problem.problem.detail ?? problem.problem.title}`;
  else if (totals.rows === 0 && complete)
    empty = isFiltered
      ? 'No flow matches the filter.'
      : analyses[0]?.kind === 'hub'
        ? 'No probe shows any flow yet.'
        : 'No frames yet.';

  return (
    <Drop>
      <div
        className={`app${connection.kind === 'lost' ? ' is-stale' : ''}${view.panel === 'none' ? '' : ' has-panel'}`}
      >
        <header className="top">
          <h1>StreamLens</h1>
          <Analyses />
          <span className="spacer" />
          <button type="button" className="plain" title="Look: t" onClick={() => theme.update(nextTheme)}>
            {{ system: 'As system', light: 'Light', dark: 'Dark' }[chosen]}
          </button>
          <button type="button" className="plain" aria-label="Keys" title="Keys: ?" onClick={() => setDialog('keys')}>
            ?
          </button>
        </header>
        <ConnectionBar />
        <search className="tools" aria-label="What is shown">
          <FilterBox />
          <label>
            <span className="unseen">Levels that are shown</span>
            <select value={view.depth} onChange={(event) => session.show({ depth: event.target.value as Depth })}>
              {DEPTHS.map(([depth, name]) => (
                <option key={depth} value={depth}>
                  {name}
                </option>
              ))}
            </select>
          </label>
          <button type="button" onClick={() => setDialog('columns')}>
            Columns
          </button>
          <button
            type="button"
            aria-pressed={view.plain ?? false}
            onClick={() => session.show({ plain: view.plain ? undefined : true })}
          >
            Pages
          </button>
          {analyses.some((analysis) => analysis.kind === 'hub') ? (
            <button
              type="button"
              aria-pressed={view.panel === 'probes'}
              onClick={() => session.show({ panel: view.panel === 'probes' ? 'none' : 'probes' })}
            >
              Probes
            </button>
          ) : null}
          <Export />
        </search>
        <Summary />
        <main>
          <section className="flows" aria-label="Flows">
            {hello !== undefined && analyses.length === 0 ? <DropHint /> : view.plain ? <PagedTable /> : <TreeTable />}
            {empty !== undefined && analyses.length + (hello === undefined ? 1 : 0) > 0 ? (
              <p className="empty">{empty}</p>
            ) : null}
          </section>
          {view.panel === 'none' ? null : <Panel />}
        </main>
        <footer className="bottom">
          <TimeBar />
          <Status />
        </footer>
        <Notice />
        {dialog === 'keys' ? <Keys onClose={() => setDialog(undefined)} /> : null}
        {dialog === 'columns' ? <ColumnChooser onClose={() => setDialog(undefined)} /> : null}
      </div>
    </Drop>
  );
}
