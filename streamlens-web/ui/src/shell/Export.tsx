import { useEffect, useRef, useState } from 'react';
import { useSession } from '../store/context';
import { api } from '../store/rest';
import { useSignal } from '../store/signal';
import { filterOf, type View } from '../store/view';

const FORMATS = ['json', 'ndjson', 'csv', 'pcapng'] as const;

/** Where the present view is as a file. */
export function exportAddress(analysis: string, view: View, format: string): string {
  const of = new URLSearchParams({ format });
  const filter = filterOf(view).text.trim();
  if (filter !== '') of.set('filter', filter);
  of.set('sort', view.sort);
  of.set('depth', view.depth);
  return api(`analyses/${encodeURIComponent(analysis)}/export?${of}`);
}

/** What is shown, as a file. */
export function Export() {
  const session = useSession();
  const view = useSignal(session.view);
  useSignal(session.analyses);
  const hello = useSignal(session.hello);
  const [isOpen, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  const analysis = session.analysis();
  useEffect(() => {
    if (!isOpen) return;
    const outside = (event: Event) => {
      if (!box.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [isOpen]);
  // what probes see is theirs: the hub has rows of it, and neither document nor packets
  if (!analysis || analysis.kind === 'hub' || analysis.kind === 'probe') return null;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape closes what is in it
    <div
      ref={box}
      className="export"
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !isOpen) return;
        event.stopPropagation();
        event.nativeEvent.stopImmediatePropagation();
        setOpen(false);
      }}
    >
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        Save
      </button>
      {isOpen ? (
        <ul className="menu">
          {FORMATS.filter((format) => format !== 'pcapng' || (hello?.rights.packets && analysis.has_packets)).map(
            (format) => (
              <li key={format}>
                <a href={exportAddress(analysis.id, view, format)} download onClick={() => setOpen(false)}>
                  {format === 'pcapng' ? 'Packets as pcapng' : `What is shown as ${format.toUpperCase()}`}
                </a>
              </li>
            ),
          )}
          <li>
            <a href={api(`analyses/${encodeURIComponent(analysis.id)}/document`)} download={`${analysis.name}.json`}>
              The whole result
            </a>
          </li>
        </ul>
      ) : null}
    </div>
  );
}
