import { useEffect, useRef } from 'react';
import { bytes, counted } from '../format/units';
import type { Analysis } from '../protocol';
import { useSession } from '../store/context';
import { removeAnalysis } from '../store/rest';
import { useSignal } from '../store/signal';

/** Probes that stand beside each other; of more only the one that is shown does. */
const MOST_PROBES = 6;

const nameOf = (analysis: Analysis) => analysis.name.split(/[\\/]/).at(-1) || analysis.name;

/** How far an analysis is, in words. */
export function stateOf(analysis: Analysis): string {
  const read = analysis.bytes_total
    ? `${bytes(analysis.bytes_read)} of ${bytes(analysis.bytes_total)}`
    : bytes(analysis.bytes_read);
  if (analysis.state === 'running') {
    if (analysis.kind === 'hub' || analysis.kind === 'probe') return counted(analysis.frames, 'frame');
    if (analysis.kind === 'interface') return `live, ${counted(analysis.frames, 'frame')}`;
    return `${analysis.kind === 'replay' ? 'replayed' : 'reading'}, ${read}`;
  }
  if (analysis.state === 'failed') return analysis.messages?.[0] ?? 'failed';
  if (analysis.exit_status === 5) return `read in part, ${counted(analysis.frames, 'frame')}`;
  return `${counted(analysis.frames, 'frame')}${analysis.format ? `, ${analysis.format}` : ''}`;
}

/** The analyses of the server, side by side. */
export function Analyses() {
  const session = useSession();
  const all = useSignal(session.analyses);
  useSignal(session.view);
  const hello = useSignal(session.hello);
  const shown = session.analysis();
  // the panel has all of them
  const isCrowded = all.filter((analysis) => analysis.kind === 'probe').length > MOST_PROBES;
  const remove = (analysis: Analysis) =>
    removeAnalysis(analysis.id).then(
      () => {
        if (shown?.id === analysis.id) session.show({ analysis: all.find((one) => one.id !== analysis.id)?.id });
      },
      (why: Error) => session.tell(why.message, true),
    );
  // of many tabs that which is shown is always seen
  const tabs = useRef<HTMLElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another one is shown
  useEffect(() => {
    tabs.current?.querySelector('.is-shown')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [shown?.id, all.length]);
  return (
    <nav ref={tabs} className="analyses" aria-label="Analyses">
      {all
        .filter((analysis) => analysis.kind !== 'probe' || analysis === shown || !isCrowded)
        .map((analysis) => {
          const share = analysis.bytes_total ? analysis.bytes_read / analysis.bytes_total : undefined;
          const isBusy = analysis.state === 'running' && analysis.kind !== 'interface' && share !== undefined;
          const state = stateOf(analysis);
          return (
            <span
              key={analysis.id}
              className={`tab${analysis === shown ? ' is-shown' : ''}${analysis.state === 'failed' ? ' is-bad' : ''}`}
            >
              <button
                type="button"
                aria-current={analysis === shown ? 'page' : undefined}
                title={`${analysis.name}: ${state}`}
                onClick={() => session.show({ analysis: analysis.id })}
              >
                <span className={`lamp is-${analysis.state}`} aria-hidden="true" />
                <span className="name">{nameOf(analysis)}</span>
                <span className="unseen">{state}</span>
              </button>
              {analysis.kind === 'upload' && hello?.rights.upload ? (
                <button
                  type="button"
                  className="close"
                  aria-label={`Take ${nameOf(analysis)} away`}
                  onClick={() => remove(analysis)}
                >
                  ×
                </button>
              ) : null}
              {isBusy ? <progress aria-label={`${nameOf(analysis)} read`} max={1} value={share} /> : null}
            </span>
          );
        })}
    </nav>
  );
}
