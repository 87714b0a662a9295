import { memo, useCallback, useSyncExternalStore } from 'react';
import { percent } from '../format/units';
import { useSession } from '../store/context';
import { depthOf, labelOf, type Row } from '../store/rowname';
import { FindingBadges, Spark } from './Cells';
import type { Column } from './columns';

/** What a row has to do with the whole, as far as it isn't in the row itself. */
export interface RowProps {
  index: number;
  name: string;
  columns: readonly Column[];
  isSelected: boolean;
  isCursor: boolean;
  isOpen: boolean;
  /** From the top of the rows, in pixels. */
  top: number;
  /** Place of a flow among the flows, counted from 1, where that is known, and how many there are. */
  place: number | undefined;
  setSize: number;
}

/** Whether rows may lie below. */
export function canOpen(row: Row): boolean {
  switch (row.level) {
    case 'flow':
      return row.of.transports.length > 0;
    case 'transport':
    case 'encoding':
    case 'type':
      return (row.of.rows_below ?? 0) > 0;
    case 'stream':
      return false;
  }
}

/** Where a row stands among those of the same row above. */
function placeBelow(row: Row): { at: number; of: number } | undefined {
  const { path, flow } = row;
  const find = (all: object | undefined, key: string | undefined) => {
    const keys = Object.keys(all ?? {});
    return { at: keys.indexOf(key ?? '') + 1, of: keys.length };
  };
  const transports = flow.transport_protocols;
  const encodings = transports?.[path.transport ?? '']?.application_encodings;
  const encoding = encodings?.[path.encoding ?? ''];
  const types = Object.keys(encoding?.packet_types ?? {}).length;
  switch (row.level) {
    case 'transport':
      return find(transports, path.transport);
    case 'encoding':
      return find(encodings, path.encoding);
    case 'stream': {
      const { at, of } = find(encoding?.health.streams, path.stream);
      return { at: types + at, of: types + of };
    }
    case 'type': {
      if (path.types.length > 1) return undefined;
      const streams = Object.keys(encoding?.health.streams ?? {}).length;
      const { at, of } = find(encoding?.packet_types, path.types[0]);
      return { at, of: of + streams };
    }
    default:
      return undefined;
  }
}

function Tree({ row, isOpen }: { row: Row; isOpen: boolean }) {
  const opens = canOpen(row);
  return (
    <>
      <span className={`twist${opens ? '' : ' is-none'}${isOpen ? ' is-open' : ''}`} aria-hidden="true" data-twist="" />
      {row.level === 'flow' ? null : (
        <>
          <span className={`label is-${row.level}`}>{labelOf(row)}</span>
          {row.level === 'encoding' && row.of.confidence_score !== undefined ? (
            <span className="note">{percent(row.of.confidence_score)}</span>
          ) : null}
          {row.level === 'stream' ? <span className="note">stream</span> : null}
        </>
      )}
    </>
  );
}

export const TableRow = memo(function TableRow(props: RowProps) {
  const { flows } = useSession();
  const { name, columns, index, isOpen } = props;
  const subscribe = useCallback((listener: () => void) => flows.subscribe(name, listener), [flows, name]);
  const row = useSyncExternalStore(subscribe, () => flows.row(name));
  const isGone = flows.isGone(name);
  const depth = depthOf(name);
  const place = row && row.level !== 'flow' ? placeBelow(row) : { at: props.place, of: props.setSize };
  const isFlow = depth === 1;
  // names below a flow take the room of source and destination
  const spans = !isFlow && columns[1]?.id === 'dst';
  const state = `${props.isSelected ? ' is-selected' : ''}${isGone ? ' is-gone' : ''}${isFlow ? ' is-flow' : ''}`;
  return (
    <div
      role="row"
      className={`row${state}`}
      style={{ transform: `translateY(${props.top}px)` }}
      tabIndex={props.isCursor ? 0 : -1}
      data-row={name}
      data-index={index}
      aria-rowindex={index + 2}
      aria-level={depth}
      aria-expanded={row && canOpen(row) ? isOpen : undefined}
      aria-selected={props.isSelected}
      aria-posinset={place?.at || undefined}
      aria-setsize={place?.of || undefined}
    >
      {columns.map((column, number) => {
        if (spans && number === 1) return null;
        const isTree = number === 0;
        const text = row && column.text(row);
        return (
          <div
            key={column.id}
            role="gridcell"
            className={`cell${column.isNumber ? ' is-number' : ''}${isTree ? ' is-tree' : ''}${isTree && spans ? ' is-wide' : ''}`}
            data-column={column.id}
            aria-colindex={number + 1}
            aria-colspan={isTree && spans ? 2 : undefined}
            data-depth={isTree ? depth : undefined}
          >
            {isTree && row ? <Tree row={row} isOpen={isOpen} /> : null}
            {column.draws === 'findings' && row ? (
              <FindingBadges counts={row.of.findings} />
            ) : column.draws === 'spark' && row?.level === 'flow' ? (
              <Spark values={row.of.history} />
            ) : text !== undefined ? (
              <span className="text">{text}</span>
            ) : null}
          </div>
        );
      })}
    </div>
  );
});
