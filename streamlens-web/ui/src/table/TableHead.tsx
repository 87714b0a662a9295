import { type PointerEvent, useRef } from 'react';
import { useSession } from '../store/context';
import { useSignal } from '../store/signal';
import { type Column, moved } from './columns';
import { layout } from './layout';

/** What a click on a header asks for, where rows are ordered in this way. */
export function nextSort(sort: string, field: string): string {
  return sort === field ? `-${field}` : field;
}

/** How the rows of a column are ordered: figures begin with the most, names and times with the least. */
function direction(column: Column, sort: string): 'ascending' | 'descending' | undefined {
  if (column.field === undefined) return undefined;
  if (sort === column.field) return column.isNumber ? 'descending' : 'ascending';
  if (sort === `-${column.field}`) return column.isNumber ? 'ascending' : 'descending';
  return undefined;
}

function setWidth(id: string, width: number) {
  const held = layout.get();
  layout.set({ ...held, widths: { ...held.widths, [id]: Math.round(Math.min(800, Math.max(40, width))) } });
}

/** The edge by which a column is made wider. */
function Edge({ column, width }: { column: Column; width: number }) {
  const from = useRef<number | undefined>(undefined);
  const move = (event: PointerEvent) => {
    if (from.current !== undefined) setWidth(column.id, event.clientX - from.current);
  };
  return (
    <span
      className="edge"
      aria-hidden="true"
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        from.current = event.clientX - width;
        event.preventDefault();
      }}
      onPointerMove={move}
      onPointerUp={() => {
        from.current = undefined;
      }}
    />
  );
}

export function TableHead({ columns }: { columns: readonly Column[] }) {
  const session = useSession();
  const { sort } = useSignal(session.view);
  const { widths, order } = useSignal(layout);
  const drop = (target: Column, id: string) => {
    const by = order.indexOf(target.id) - order.indexOf(id);
    if (by !== 0) layout.set(moved(layout.get(), id, by));
  };
  return (
    <div role="rowgroup" className="head">
      <div role="row" className="row is-head" aria-rowindex={1}>
        {columns.map((column, number) => {
          const now = direction(column, sort);
          const field = column.field;
          return (
            <div
              key={column.id}
              role="columnheader"
              className={`cell${column.isNumber ? ' is-number' : ''}`}
              aria-sort={field === undefined ? undefined : (now ?? 'none')}
              aria-colindex={number + 1}
              title={column.meaning}
              draggable={number > 0}
              onDragStart={(event) => event.dataTransfer.setData('text/x-streamlens-column', column.id)}
              onDragOver={(event) => {
                if (number > 0 && event.dataTransfer.types.includes('text/x-streamlens-column')) event.preventDefault();
              }}
              onDrop={(event) => {
                const id = event.dataTransfer.getData('text/x-streamlens-column');
                if (!id) return;
                event.preventDefault();
                drop(column, id);
              }}
            >
              {field === undefined ? (
                <span className="title">{column.title}</span>
              ) : (
                <button
                  type="button"
                  className="title"
                  tabIndex={-1}
                  onClick={() => session.show({ sort: nextSort(sort, field) })}
                >
                  {column.title}
                  <span className="arrow" aria-hidden="true">
                    {now === undefined ? '' : now === 'ascending' ? '\u25b2' : '\u25bc'}
                  </span>
                </button>
              )}
              <Edge column={column} width={widths[column.id] ?? column.width} />
            </div>
          );
        })}
      </div>
    </div>
  );
}
