import { Signal } from '../store/signal';
import { type Layout, readLayout } from './columns';

const KEY = 'streamlens.columns';

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // a browser that keeps nothing
  }
}

/** The columns as they were left. */
export const layout = new Signal<Layout>(readLayout(stored()));

layout.subscribe(() => {
  try {
    localStorage.setItem(KEY, JSON.stringify(layout.get()));
  } catch {
    // then they are as they are until the page is loaded again
  }
});
