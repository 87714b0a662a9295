import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import type { Panel as Kind } from '../store/view';
import { DetailView } from './DetailView';
import { Findings } from './Findings';

const TABS: readonly [Kind, string][] = [
  ['detail', 'Details'],
  ['findings', 'Findings'],
];

/** What stands beside the table. */
export function Panel() {
  const session = useSession();
  const { panel } = useSignal(session.view);
  return (
    <aside className="panel" aria-label={panel === 'findings' ? 'Findings' : 'Details'}>
      <header>
        {TABS.map(([kind, name]) => (
          <button
            key={kind}
            type="button"
            className="plain"
            aria-pressed={panel === kind}
            onClick={() => session.show({ panel: kind })}
          >
            {name}
          </button>
        ))}
        <span className="spacer" />
        <button
          type="button"
          className="plain"
          aria-label="Close"
          title="Esc"
          onClick={() => session.show({ panel: 'none' })}
        >
          ×
        </button>
      </header>
      <section
        className="content"
        tabIndex={0}
        aria-label={panel === 'findings' ? 'List of findings' : 'Details of the row'}
      >
        {panel === 'findings' ? <h2 className="unseen">Findings</h2> : null}
        {panel === 'findings' ? <Findings /> : <DetailView />}
      </section>
    </aside>
  );
}
