import { instant, type Span, seconds } from '../format/time';
import type { Depth } from '../protocol';

/** What is shown. All of it is in the address, so that a link opens the same again. */
export interface View {
  /** Which analysis; the first where it isn't told. */
  analysis?: string;
  filter: string;
  /** A column, with `-` in front where it is turned round. */
  sort: string;
  depth: Depth;
  /** Names of rows whose rows below are shown. */
  expanded: readonly string[];
  /** Name of the row whose details are shown. */
  selected?: string;
  /** The part of the time that is looked at. */
  span?: Span;
  panel: Panel;
  /** The capture time that is shown, where it isn't now. */
  at?: string;
  /** Whether rows are in pages of a plain table. */
  plain?: boolean;
}

/** What stands beside the table. */
export type Panel = 'detail' | 'findings' | 'probes' | 'none';

export const START: View = { filter: '', sort: 'first_seen', depth: 'flow', expanded: [], panel: 'none' };

const DEPTHS: readonly Depth[] = ['flow', 'transport', 'encoding', 'type', 'stream'];
const PANELS: readonly Panel[] = ['detail', 'findings', 'probes', 'none'];

const oneOf = <T extends string>(all: readonly T[], text: string | null, other: T): T =>
  all.find((one) => one === text) ?? other;

/** The view that an address shows; what makes no sense in it is passed over. */
export function fromAddress(fragment: string): View {
  const of = new URLSearchParams(fragment.replace(/^#/, ''));
  const from = seconds(of.get('from') ?? undefined);
  const to = seconds(of.get('to') ?? undefined);
  const at = of.get('at') ?? undefined;
  return {
    analysis: of.get('analysis') ?? undefined,
    filter: of.get('filter') ?? START.filter,
    sort: /^-?[a-z_.0-9]+$/.test(of.get('sort') ?? '') ? (of.get('sort') as string) : START.sort,
    depth: oneOf(DEPTHS, of.get('depth'), START.depth),
    expanded: of.getAll('open').slice(0, 1000),
    selected: of.get('row') ?? undefined,
    span: from !== undefined && to !== undefined && from < to ? { from, to } : undefined,
    panel: oneOf(PANELS, of.get('panel'), START.panel),
    at: seconds(at) === undefined ? undefined : at,
    plain: of.has('plain') || undefined,
  };
}

/** The fragment of the address that shows a view; empty for the first one. */
export function toAddress(view: View): string {
  const of = new URLSearchParams();
  if (view.analysis !== undefined) of.set('analysis', view.analysis);
  if (view.filter !== START.filter) of.set('filter', view.filter);
  if (view.sort !== START.sort) of.set('sort', view.sort);
  if (view.depth !== START.depth) of.set('depth', view.depth);
  for (const name of view.expanded) of.append('open', name);
  if (view.selected !== undefined) of.set('row', view.selected);
  if (view.span) {
    of.set('from', instant(view.span.from));
    of.set('to', instant(view.span.to));
  }
  if (view.panel !== START.panel) of.set('panel', view.panel);
  if (view.at !== undefined) of.set('at', view.at);
  if (view.plain) of.set('plain', '1');
  return of.toString();
}

/** The filter that the server is asked for: that of the box, and of flows only those with frames in the span. */
export function filterOf(view: View): { text: string; offset: number } {
  if (!view.span) return { text: view.filter, offset: 0 };
  const span = `last_seen >= ${instant(view.span.from)} and first_seen <= ${instant(view.span.to)}`;
  return view.filter.trim() === '' ? { text: span, offset: 0 } : { text: `(${view.filter}) and ${span}`, offset: 1 };
}

/** A filter with another test. */
export function joined(filter: string, test: string): string {
  if (filter.trim() === '') return test;
  return /\bor\b|\|\|/i.test(filter) ? `(${filter}) and ${test}` : `${filter} and ${test}`;
}
