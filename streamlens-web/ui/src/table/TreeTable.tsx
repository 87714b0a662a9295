import { defaultRangeExtractor, type Range, useVirtualizer } from '@tanstack/react-virtual';
import {
  type KeyboardEvent,
  type MouseEvent,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
} from 'react';
import { useSession } from '../store/context';
import { below, depthOf, parentOf } from '../store/rowname';
import { useSignal } from '../store/signal';
import { joined } from '../store/view';
import { CellMenu, type CellPlace } from './CellMenu';
import { columnsOf } from './columns';
import { layout } from './layout';
import { TableHead } from './TableHead';
import { canOpen, TableRow } from './TableRow';

/** Height of a row and of the header, in pixels; the style sheet says the same. */
const ROW = 26;
const HEAD = 30;
const DEPTHS = ['flow', 'transport', 'encoding', 'type', 'stream'];

/** The tree of flows: of any number of rows those that are seen, with a cursor that stays with its row. */
export function TreeTable() {
  const session = useSession();
  const { flows } = session;
  const view = useSignal(session.view);
  const window = useSignal(flows.window);
  const { rows: total, flows: totalFlows } = useSignal(flows.totals);
  const shape = useSignal(layout);
  useSignal(session.analyses);
  const isLive = session.isLive();
  const columns = useMemo(() => columnsOf(shape, isLive), [shape, isLive]);
  const scroller = useRef<HTMLDivElement>(null);
  const [cursor, setCursor] = useState({ index: 0, name: undefined as string | undefined });
  const [menu, setMenu] = useState<CellPlace | undefined>(undefined);
  const hasFocus = useRef(false);
  const expanded = useMemo(() => new Set(view.expanded), [view.expanded]);

  const nameAt = (index: number): string | undefined => window.order[index - window.from];
  const indexOf = (name: string | undefined): number | undefined => {
    const place = name === undefined ? -1 : window.order.indexOf(name);
    return place < 0 ? undefined : place + window.from;
  };
  // the cursor is with its row as long as that is known, else at its place
  const at = Math.min(indexOf(cursor.name) ?? cursor.index, Math.max(0, total - 1));

  const extract = useCallback(
    (range: Range) => {
      const seen = defaultRangeExtractor(range);
      if (at < total && !seen.includes(at)) seen.push(at);
      return seen.sort((one, other) => one - other);
    },
    [at, total],
  );
  const virtual = useVirtualizer({
    count: total,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW,
    overscan: 8,
    scrollMargin: HEAD,
    scrollPaddingStart: HEAD,
    rangeExtractor: extract,
  });
  const range = virtual.range;
  const first = range?.startIndex ?? 0;
  const last = range?.endIndex ?? 40;
  useEffect(() => session.setVisible(first, last), [session, first, last]);

  // what was asked for begins at the top; a row that is selected stays where it is when others are sorted around it
  const asked = `${view.analysis} ${view.filter} ${view.sort} ${view.depth}`;
  const before = useRef({ asked, index: undefined as number | undefined });
  const selectedAt = indexOf(view.selected);
  useLayoutEffect(() => {
    const held = before.current;
    const box = scroller.current;
    if (box && held.asked !== asked) box.scrollTop = 0;
    else if (box && held.index !== undefined && selectedAt !== undefined && held.index !== selectedAt) {
      const y = held.index * ROW - box.scrollTop;
      const isSeen = y >= 0 && y <= box.clientHeight - HEAD - ROW;
      if (isSeen) box.scrollTop += (selectedAt - held.index) * ROW;
    }
    before.current = { asked, index: selectedAt };
  }, [asked, selectedAt]);

  // the focus goes with the cursor, also to a row that is only now in the page
  useEffect(() => {
    const box = scroller.current;
    if (!box || !hasFocus.current) return;
    const row = box.querySelector<HTMLElement>(`[data-index="${at}"]`);
    if (row && document.activeElement !== row && !box.querySelector('.head')?.contains(document.activeElement)) {
      row.focus({ preventScroll: true });
    }
  });

  // places of flows among the flows
  const places = useMemo(() => {
    const { fromFlow, order } = window;
    const found = new Map<string, number>();
    if (fromFlow === undefined) return found;
    let place = fromFlow;
    for (const name of order) {
      if (depthOf(name) > 1) continue;
      place += 1;
      found.set(name, place);
    }
    return found;
  }, [window]);
  const isOpen = (name: string) => expanded.has(name) || depthOf(name) <= DEPTHS.indexOf(view.depth);

  function moveTo(index: number) {
    const to = Math.min(Math.max(0, index), Math.max(0, total - 1));
    setCursor({ index: to, name: nameAt(to) });
    virtual.scrollToIndex(to, { align: 'auto' });
  }

  function select(name: string) {
    session.show({ selected: name, panel: view.panel === 'none' ? 'detail' : view.panel });
  }

  function setOpen(name: string, open: boolean) {
    const row = flows.row(name);
    if (!row || !canOpen(row)) return;
    const names = [name];
    // a single transport has nothing to say that its flow doesn't
    if (row.level === 'flow' && row.of.transports.length === 1) names.push(below(name, '', row.of.transports[0] ?? ''));
    session.expand(names, open);
  }

  function onKeyDown(event: KeyboardEvent) {
    if (event.target instanceof HTMLElement && event.target.closest('.head')) return;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    session.touch();
    const page = Math.max(1, Math.floor(((scroller.current?.clientHeight ?? 0) - HEAD) / ROW) - 1);
    const name = nameAt(at);
    const moves: Record<string, number> = {
      ArrowDown: at + 1,
      j: at + 1,
      ArrowUp: at - 1,
      k: at - 1,
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      g: 0,
      End: total - 1,
      G: total - 1,
    };
    const target = moves[event.key];
    if (target !== undefined) moveTo(target);
    else if (name === undefined) return;
    else if (event.key === 'ArrowRight') {
      if (isOpen(name)) moveTo(at + 1);
      else setOpen(name, true);
    } else if (event.key === 'ArrowLeft') {
      const parent = parentOf(name);
      const above = indexOf(parent);
      if (expanded.has(name)) setOpen(name, false);
      else if (above !== undefined) moveTo(above);
    } else if (event.key === 'Enter') select(name);
    else if (event.key === 'ContextMenu' || (event.shiftKey && event.key === 'F10')) openMenu(name, undefined);
    else return;
    event.preventDefault();
  }

  function openMenu(name: string, cell: HTMLElement | undefined, x?: number, y?: number) {
    const row = scroller.current?.querySelector<HTMLElement>(`[data-index="${indexOf(name)}"]`);
    const box = (cell ?? row)?.getBoundingClientRect();
    setMenu({ row: name, column: cell?.dataset.column, x: x ?? (box?.left ?? 0) + 24, y: y ?? box?.bottom ?? 0 });
  }

  const rowOf = (event: MouseEvent) => (event.target as HTMLElement).closest<HTMLElement>('[data-row]');

  function onClick(event: MouseEvent) {
    const element = rowOf(event);
    const name = element?.dataset.row;
    if (!element || !name) return;
    hasFocus.current = true;
    setCursor({ index: Number(element.dataset.index), name });
    const target = event.target as HTMLElement;
    if ('twist' in target.dataset) setOpen(name, !isOpen(name));
    else if (event.ctrlKey || event.metaKey) {
      const column = columns.find((one) => one.id === target.closest<HTMLElement>('[data-column]')?.dataset.column);
      const row = flows.row(name);
      const test = row && column?.filter?.(row);
      if (test) session.show({ filter: joined(view.filter, test) });
    } else select(name);
  }

  const widths = columns.map((column) => `${shape.widths[column.id] ?? column.width}px`);
  return (
    <>
      <div
        ref={scroller}
        role="treegrid"
        className="table"
        aria-label="Flows"
        aria-rowcount={total + 1}
        aria-colcount={columns.length}
        style={{ '--columns': widths.join(' ') } as React.CSSProperties}
        onKeyDown={onKeyDown}
        onClick={onClick}
        onDoubleClick={(event) => {
          const name = rowOf(event)?.dataset.row;
          if (name && !('twist' in (event.target as HTMLElement).dataset)) setOpen(name, !isOpen(name));
        }}
        onContextMenu={(event) => {
          const name = rowOf(event)?.dataset.row;
          if (!name) return;
          event.preventDefault();
          const cell = (event.target as HTMLElement).closest<HTMLElement>('[data-column]') ?? undefined;
          openMenu(name, cell, event.clientX, event.clientY);
        }}
        onPointerMove={() => session.touch()}
        onFocus={(event) => {
          hasFocus.current = true;
          const row = (event.target as HTMLElement).closest<HTMLElement>('[data-row]');
          if (row && Number(row.dataset.index) !== at)
            setCursor({ index: Number(row.dataset.index), name: row.dataset.row });
        }}
        onBlur={(event) => {
          // a row that is taken out of the page has no place that the focus goes to
          if (event.relatedTarget && !event.currentTarget.contains(event.relatedTarget)) hasFocus.current = false;
        }}
      >
        <TableHead columns={columns} />
        <div role="rowgroup" className="body" style={{ height: `${virtual.getTotalSize() - HEAD}px` }}>
          {virtual.getVirtualItems().map((item) => {
            const name = nameAt(item.index);
            if (name === undefined) {
              return (
                <div
                  key={`waits ${item.index}`}
                  className="row is-waiting"
                  style={{ transform: `translateY(${item.start - HEAD}px)` }}
                />
              );
            }
            return (
              <TableRow
                key={name}
                name={name}
                index={item.index}
                columns={columns}
                isSelected={name === view.selected}
                isCursor={item.index === at}
                isOpen={isOpen(name)}
                top={item.start - HEAD}
                place={places.get(name)}
                setSize={totalFlows}
              />
            );
          })}
        </div>
      </div>
      {menu ? <CellMenu place={menu} columns={columns} onClose={() => setMenu(undefined)} /> : null}
    </>
  );
}
