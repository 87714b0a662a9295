/** The keys of the page, as they are shown and listened to. */
export interface Key {
  /** What `KeyboardEvent.key` says. */
  keys: readonly string[];
  shown: string;
  does: string;
}

/** Keys of the table, which it listens to itself. */
export const TABLE_KEYS: readonly Key[] = [
  { keys: [], shown: '\u2191 \u2193  or  k j', does: 'move by a row' },
  { keys: [], shown: 'Page up/down, Home, End, g, G', does: 'move by a page, to the first and the last row' },
  { keys: [], shown: '\u2192 \u2190', does: 'show and hide the rows below; go to the row above' },
  { keys: [], shown: 'Enter', does: 'show the details of the row' },
  { keys: [], shown: 'Menu, Shift F10, right click', does: 'copy a value, or filter by it' },
  { keys: [], shown: 'Ctrl click', does: 'add a value to the filter' },
];

/** Keys that work everywhere but in fields. */
export const PAGE_KEYS = {
  filter: { keys: ['/'], shown: '/', does: 'to the filter' },
  findings: { keys: ['f'], shown: 'f', does: 'show or hide the findings' },
  detail: { keys: ['d'], shown: 'd', does: 'show or hide the details' },
  pause: { keys: ['p', ' '], shown: 'p, Space', does: 'hold the moment, and go on' },
  back: { keys: ['['], shown: '[', does: 'a second back' },
  on: { keys: [']'], shown: ']', does: 'a second on' },
  live: { keys: ['l'], shown: 'l', does: 'to now' },
  columns: { keys: ['c'], shown: 'c', does: 'choose columns' },
  theme: { keys: ['t'], shown: 't', does: 'light, dark, as the system' },
  help: { keys: ['?'], shown: '?', does: 'these keys' },
  close: { keys: ['Escape'], shown: 'Esc', does: 'close what is open' },
} as const satisfies Record<string, Key>;

export type PageKey = keyof typeof PAGE_KEYS;

/** Which of the page's keys was pressed, where it was meant for the page. */
export function pageKey(event: KeyboardEvent): PageKey | undefined {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return undefined;
  const target = event.target instanceof HTMLElement ? event.target : undefined;
  if (target?.closest('input, textarea, select, dialog, [role=menu]')) return undefined;
  if (event.key === ' ' && target?.closest('button, a, summary')) return undefined;
  const found = Object.entries(PAGE_KEYS).find(([, key]) => (key.keys as readonly string[]).includes(event.key));
  return found?.[0] as PageKey | undefined;
}
