import { Signal } from '../store/signal';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'streamlens.theme';
const THEMES: readonly Theme[] = ['system', 'light', 'dark'];

function stored(): Theme {
  try {
    return THEMES.find((one) => one === localStorage.getItem(KEY)) ?? 'system';
  } catch {
    return 'system';
  }
}

/** What was chosen. */
export const theme = new Signal<Theme>(stored());
/** What that comes to: charts are drawn anew when it changes. */
export const shade = new Signal<'light' | 'dark'>('light');

const system = typeof matchMedia === 'function' ? matchMedia('(prefers-color-scheme: dark)') : undefined;

function follow() {
  const chosen = theme.get();
  const now = chosen === 'system' ? (system?.matches ? 'dark' : 'light') : chosen;
  document.documentElement.dataset.theme = now;
  shade.set(now);
}

/** Keeps the page's look as it was chosen. */
export function startTheme(): void {
  follow();
  system?.addEventListener('change', follow);
  theme.subscribe(() => {
    follow();
    try {
      localStorage.setItem(KEY, theme.get());
    } catch {
      // then it is so until the page is loaded again
    }
  });
}

/** The next of the three. */
export function nextTheme(of: Theme): Theme {
  return THEMES[(THEMES.indexOf(of) + 1) % THEMES.length] ?? 'system';
}
