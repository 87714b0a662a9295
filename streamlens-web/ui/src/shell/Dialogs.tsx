import { type ReactNode, useEffect, useRef } from 'react';
import { useSignal } from '../store/signal';
import { COLUMNS, type Column, moved, USUAL } from '../table/columns';
import { layout } from '../table/layout';
import { type Key, PAGE_KEYS, TABLE_KEYS } from './keys';

/** A dialog over the page; the browser keeps the focus in it and gives it back. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ReactNode }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = box.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return (
    <dialog
      ref={box}
      aria-label={title}
      onClose={onClose}
      onCancel={onClose}
      onClick={(event) => {
        if (event.target === box.current) onClose();
      }}
    >
      <header>
        <h2>{title}</h2>
        <button type="button" className="plain" aria-label="Close" onClick={onClose}>
          ×
        </button>
      </header>
      {children}
    </dialog>
  );
}

export function Keys({ onClose }: { onClose: () => void }) {
  const list = (keys: readonly Key[]) => (
    <dl className="keys">
      {keys.map((key) => (
        <div key={key.shown}>
          <dt>
            <kbd>{key.shown}</kbd>
          </dt>
          <dd>{key.does}</dd>
        </div>
      ))}
    </dl>
  );
  return (
    <Dialog title="Keys" onClose={onClose}>
      <h3>The page</h3>
      {list(Object.values(PAGE_KEYS))}
      <h3>The table</h3>
      {list(TABLE_KEYS)}
      <h3>Charts</h3>
      {list([
        { keys: [], shown: 'Wheel, + \u2212', does: 'closer and wider' },
        { keys: [], shown: 'Drag, \u2190 \u2192', does: 'move' },
        { keys: [], shown: 'Shift drag', does: 'set the time span of the page' },
        { keys: [], shown: 'Double click, 0', does: 'all of the time again' },
      ])}
    </Dialog>
  );
}

/** Which columns there are, and in which order. */
export function ColumnChooser({ onClose }: { onClose: () => void }) {
  const shape = useSignal(layout);
  const shown = shape.order.flatMap((id) => COLUMNS.find((column) => column.id === id) ?? []);
  const hidden = COLUMNS.filter((column) => !shape.order.includes(column.id));
  const toggle = (column: Column, isShown: boolean) => {
    const others = shape.order.filter((id) => id !== column.id);
    layout.set({ ...shape, order: isShown ? [...others, column.id] : others });
  };
  const line = (column: Column, place: number) => (
    <li key={column.id}>
      <label title={column.meaning}>
        <input
          type="checkbox"
          checked={place >= 0}
          disabled={place >= 0 && shown.length === 1}
          onChange={(event) => toggle(column, event.target.checked)}
        />
        <b>{column.title}</b> <span className="faint">{column.meaning}</span>
      </label>
      {place < 0 ? null : (
        <span className="moves">
          <button
            type="button"
            className="plain"
            aria-label={`${column.title} further left`}
            disabled={place === 0}
            onClick={() => layout.set(moved(shape, column.id, -1))}
          >
            ↑
          </button>
          <button
            type="button"
            className="plain"
            aria-label={`${column.title} further right`}
            disabled={place === shown.length - 1}
            onClick={() => layout.set(moved(shape, column.id, 1))}
          >
            ↓
          </button>
        </span>
      )}
    </li>
  );
  return (
    <Dialog title="Columns" onClose={onClose}>
      <ul className="chooser">{shown.map((column, place) => line(column, place))}</ul>
      {hidden.length > 0 ? <ul className="chooser">{hidden.map((column) => line(column, -1))}</ul> : null}
      <footer>
        <button type="button" onClick={() => layout.set(USUAL)}>
          As they were at first
        </button>
      </footer>
    </Dialog>
  );
}
