/** Colours of the style sheet, as canvases want them. */
export function color(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** Stops of a scale that grows evenly in lightness, for people with any kind of colour vision (viridis, cut at its dark end). */
const STOPS = [
  [62, 73, 137],
  [49, 104, 142],
  [38, 130, 142],
  [31, 158, 137],
  [53, 183, 121],
  [109, 205, 89],
  [180, 222, 44],
  [253, 231, 37],
] as const;

/** The colour of a share from 0 to 1. */
export function scale(share: number): [number, number, number] {
  const at = Math.min(0.9999, Math.max(0, share)) * (STOPS.length - 1);
  const low = STOPS[Math.floor(at)] ?? STOPS[0];
  const high = STOPS[Math.floor(at) + 1] ?? low;
  const part = at % 1;
  const mix = (place: 0 | 1 | 2) => Math.round(low[place] + (high[place] - low[place]) * part);
  return [mix(0), mix(1), mix(2)];
}
