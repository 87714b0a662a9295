const KEY = 'streamlens.filters';
const MOST = 20;

/** The filters that were used last, the newest first. */
export function lastFilters(): string[] {
  try {
    const all: unknown = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(all) ? all.filter((one) => typeof one === 'string').slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Remembers a filter. */
export function remember(filter: string): void {
  const text = filter.trim();
  if (text === '') return;
  try {
    localStorage.setItem(KEY, JSON.stringify([text, ...lastFilters().filter((one) => one !== text)].slice(0, MOST)));
  } catch {
    // a browser that keeps nothing
  }
}
