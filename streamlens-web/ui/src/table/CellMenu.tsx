import { type KeyboardEvent, useEffect, useLayoutEffect, useRef } from 'react';
import { copy } from '../shell/clipboard';
import { useSession } from '../store/context';
import { joined } from '../store/view';
import type { Column } from './columns';

/** Which cell a menu is for, and where on the screen it opens. */
export interface CellPlace {
  row: string;
  column: string | undefined;
  x: number;
  y: number;
}

interface Item {
  text: string;
  act: () => void;
}

/** What can be done with a value: copy it, or look for others like it. */
export function CellMenu({
  place,
  columns,
  onClose,
}: {
  place: CellPlace;
  columns: readonly Column[];
  onClose: () => void;
}) {
  const session = useSession();
  const box = useRef<HTMLDivElement>(null);
  const row = session.flows.row(place.row);
  const column = columns.find((one) => one.id === place.column);
  const items: Item[] = [];
  const text = row && column?.text(row);
  const { filter } = session.view.get();
  if (text !== undefined) items.push({ text: `Copy \u2018${text}\u2019`, act: () => copy(session, text) });
  items.push({ text: 'Copy the name of the row', act: () => copy(session, place.row) });
  const tests = (column?.filter ? [column] : columns).flatMap((one) => (row && one.filter?.(row)) ?? []);
  for (const test of tests)
    items.push({ text: `Only ${test}`, act: () => session.show({ filter: joined(filter, test) }) });
  const [test] = tests;
  if (column?.filter && test)
    items.push({ text: `Without ${test}`, act: () => session.show({ filter: joined(filter, `not ${test}`) }) });

  const before = useRef(document.activeElement);
  useLayoutEffect(() => {
    const menu = box.current;
    if (!menu) return;
    const { width, height } = menu.getBoundingClientRect();
    menu.style.left = `${Math.max(4, Math.min(place.x, innerWidth - width - 4))}px`;
    menu.style.top = `${Math.max(4, Math.min(place.y, innerHeight - height - 4))}px`;
    menu.querySelector('button')?.focus();
  }, [place]);
  useEffect(() => {
    const outside = (event: PointerEvent) => {
      if (!box.current?.contains(event.target as Node)) onClose();
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [onClose]);

  function close() {
    onClose();
    if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
  }

  function onKeyDown(event: KeyboardEvent) {
    event.stopPropagation();
    const all = [...(box.current?.querySelectorAll('button') ?? [])];
    const now = all.indexOf(document.activeElement as HTMLButtonElement);
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) all[(now + by + all.length) % all.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
  }

  return (
    <div ref={box} role="menu" className="menu" aria-label="What to do with the value" onKeyDown={onKeyDown}>
      {items.map((item) => (
        <button
          key={item.text}
          type="button"
          role="menuitem"
          onClick={() => {
            item.act();
            close();
          }}
        >
          {item.text}
        </button>
      ))}
    </div>
  );
}
