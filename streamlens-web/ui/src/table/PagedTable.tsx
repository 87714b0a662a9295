import { useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { grouped } from '../format/units';
import { useSession } from '../store/context';
import { below, depthOf, labelOf } from '../store/rowname';
import { useSignal } from '../store/signal';
import { FindingBadges } from './Cells';
import { type Column, columnsOf } from './columns';
import { layout } from './layout';
import { nextSort } from './TableHead';
import { canOpen } from './TableRow';

const PAGE = 100;

/** A line of the plain table. */
function Line({ name, columns }: { name: string; columns: readonly Column[] }) {
  const session = useSession();
  const { expanded, selected } = useSignal(session.view);
  const row = useSyncExternalStore(
    (listener) => session.flows.subscribe(name, listener),
    () => session.flows.row(name),
  );
  if (!row) return null;
  const isOpen = expanded.includes(name);
  const [tree, ...others] = columns;
  const label = row.level === 'flow' ? (tree?.text(row) ?? name) : labelOf(row);
  const names =
    row.level === 'flow' && row.of.transports.length === 1
      ? [name, below(name, '', row.of.transports[0] ?? '')]
      : [name];
  return (
    <tr className={name === selected ? 'is-selected' : undefined}>
      <th scope="row" data-depth={depthOf(name)}>
        {canOpen(row) ? (
          <button
            type="button"
            className="plain"
            aria-expanded={isOpen}
            aria-label={`Rows below ${label}`}
            onClick={() => session.expand(names, !isOpen)}
          >
            {isOpen ? '\u2212' : '+'}
          </button>
        ) : null}
        <button type="button" className="plain link" onClick={() => session.show({ selected: name, panel: 'detail' })}>
          {label}
        </button>
      </th>
      {others.map((column) => (
        <td key={column.id} className={column.isNumber ? 'is-number' : undefined}>
          {column.draws === 'findings' ? <FindingBadges counts={row.of.findings} /> : column.text(row)}
        </td>
      ))}
    </tr>
  );
}

/** The same rows in a table without anything virtual, a hundred at a time: for those whose reader wants that. */
export function PagedTable() {
  const session = useSession();
  const { sort } = useSignal(session.view);
  const { from, order } = useSignal(session.flows.window);
  const { rows } = useSignal(session.flows.totals);
  const shape = useSignal(layout);
  useSignal(session.analyses);
  const isLive = session.isLive();
  const columns = useMemo(() => columnsOf(shape, isLive).filter((column) => column.draws !== 'spark'), [shape, isLive]);
  const [page, setPage] = useState(0);
  const pages = Math.max(1, Math.ceil(rows / PAGE));
  const first = Math.min(page, pages - 1) * PAGE;
  useEffect(() => session.setVisible(first, first + PAGE - 1), [session, first]);
  const shown = order.slice(Math.max(0, first - from), Math.max(0, first - from + PAGE));
  return (
    <div className="paged">
      <nav aria-label="Pages">
        <button type="button" disabled={first === 0} onClick={() => setPage(first / PAGE - 1)}>
          Back
        </button>
        <span>
          rows {grouped(Math.min(rows, first + 1))} to {grouped(Math.min(rows, first + PAGE))} of {grouped(rows)}
        </span>
        <button type="button" disabled={first + PAGE >= rows} onClick={() => setPage(first / PAGE + 1)}>
          On
        </button>
      </nav>
      <section className="scroll" tabIndex={0} aria-label="Rows of the page">
        <table>
          <thead>
            <tr>
              {columns.map((column) => {
                const field = column.field;
                const isSorted = field !== undefined && sort.replace('-', '') === field;
                const isDescending = column.isNumber !== sort.startsWith('-');
                return (
                  <th
                    key={column.id}
                    scope="col"
                    className={column.isNumber ? 'is-number' : undefined}
                    aria-sort={isSorted ? (isDescending ? 'descending' : 'ascending') : undefined}
                  >
                    {field === undefined ? (
                      column.title
                    ) : (
                      <button
                        type="button"
                        className="plain"
                        onClick={() => session.show({ sort: nextSort(sort, field) })}
                      >
                        {column.title} {isSorted ? (isDescending ? '\u25bc' : '\u25b2') : ''}
                      </button>
                    )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {shown.map((name) => (
              <Line key={name} name={name} columns={columns} />
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}
