import type { Finding, Severity } from '../protocol';
import { Signal } from './signal';

const RANK: Record<Severity, number> = { error: 0, warning: 1, info: 2 };
/** More than these are not kept: the gravest stay. The whole list is in the document. */
export const MOST = 5000;

/** Severities, the gravest first. */
export const SEVERITIES: readonly Severity[] = ['error', 'warning', 'info'];

/** The gravest first, then by when they were first. */
export function byGravity(one: Finding, other: Finding): number {
  return (
    RANK[one.severity] - RANK[other.severity] || one.first.frame - other.first.frame || (one.id < other.id ? -1 : 1)
  );
}

/** The findings of a view. */
export class FindingStore {
  /** In their order; a new list whenever something changed. */
  readonly list = new Signal<readonly Finding[]>([]);
  /** Whether there were more than are kept. */
  readonly isCut = new Signal(false);
  readonly #all = new Map<string, Finding>();

  receive(findings: readonly Finding[] | undefined, isReset: boolean): void {
    if (isReset) this.#all.clear();
    if (!isReset && !findings?.length) return;
    for (const finding of findings ?? []) {
      if (finding.state === 'resolved') this.#all.delete(finding.id);
      else this.#all.set(finding.id, finding);
    }
    const list = [...this.#all.values()].sort(byGravity);
    for (const finding of list.splice(MOST)) {
      this.#all.delete(finding.id);
      this.isCut.set(true);
    }
    this.list.set(list);
  }
}
