import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import type { Panel as Kind } from '../store/view';
import { DetailView } from './DetailView';
import { Findings } from './Findings';
import { Probes } from './Probes';

const TABS: readonly [Kind, string][] = [
  ['detail', 'Details'],
  ['findings', 'Findings'],
];

const NAMES: Readonly<Record<Kind, string>> = {
  detail: 'Details',
  findings: 'Findings',
  probes: 'Probes',
  none: '',
};

const LISTS: Readonly<Record<Kind, string>> = {
  detail: 'Details of the row',
  findings: 'List of findings',
  probes: 'List of probes',
  none: '',
};

/** What stands beside the table. */
export function Panel() {
  const session = useSession();
  const { panel } = useSignal(session.view);
  const isHub = useSignal(session.analyses).some((analysis) => analysis.kind === 'hub');
  const tabs: readonly (readonly [Kind, string])[] = isHub ? [...TABS, ['probes', 'Probes']] : TABS;
  return (
    <aside className="panel" aria-label={NAMES[panel]}>
      <header>
        {tabs.map(([kind, name]) => (
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
      <section className="content" tabIndex={0} aria-label={LISTS[panel]}>
        {panel === 'detail' ? null : <h2 className="unseen">{NAMES[panel]}</h2>}
        {panel === 'findings' ? <Findings /> : panel === 'probes' ? <Probes /> : <DetailView />}
      </section>
    </aside>
  );
}
