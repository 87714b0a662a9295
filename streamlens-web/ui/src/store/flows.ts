import type { Capture, Flow, FlowUpdate } from '../protocol';
import { merge } from './merge';
import { find, flowOf, type Row } from './rowname';
import { Signal } from './signal';

/** The rows that are shown: names from the top, and the place of the first among all rows of the view. */
export interface Window {
  from: number;
  order: readonly string[];
  /** Flows of the view above the first of these rows; absent where the server doesn't say. */
  fromFlow?: number;
}

/** The shortest time between two orders of the same rows, in milliseconds. */
export const ORDER_EVERY = 1000;

const EMPTY: Window = { from: 0, order: [] };

/**
 * The flows of a view as the server last told of them, and the order in which they are shown.
 *
 * Figures change at once. The order follows at most once a second, and not while a hand is at work (`isHeld`), unless it is
 * the answer to something that was asked for.
 */
export class FlowStore {
  /** The rows that are shown. */
  readonly window = new Signal<Window>(EMPTY);
  /** Rows of the view, and flows among them. */
  readonly totals = new Signal({ rows: 0, flows: 0 });
  readonly capture = new Signal<Capture | undefined>(undefined);
  /** Capture time of what is shown. */
  readonly timestamp = new Signal<string | undefined>(undefined);
  /** Whether all of the view has arrived. */
  readonly complete = new Signal(false);
  /** Whether a newer order waits. */
  readonly isWaiting = new Signal(false);

  readonly #flows = new Map<string, Flow>();
  readonly #listeners = new Map<string, Set<() => void>>();
  /** Rows that were asked for, by flow and name. */
  readonly #rows = new Map<string, Map<string, Row>>();
  /** Flows that left and are still in the order that is shown. */
  readonly #gone = new Set<string>();
  #waiting: Window | undefined;
  #shownAt = Number.NEGATIVE_INFINITY;
  #isAskedFor = true;

  constructor(
    private readonly isHeld: () => boolean = () => false,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get size(): number {
    return this.#flows.size;
  }

  flow(key: string): Flow | undefined {
    return this.#flows.get(key);
  }

  /** A row by its name: the same object for as long as nothing of its flow has changed. */
  row(name: string): Row | undefined {
    const key = flowOf(name);
    const flow = this.#flows.get(key);
    if (!flow) return undefined;
    const rows = this.#rows.get(key) ?? new Map<string, Row>();
    const held = rows.get(name);
    if (held?.flow === flow) return held;
    const row = find(name, flow);
    if (row) this.#rows.set(key, rows.set(name, row));
    else rows.delete(name);
    return row;
  }

  /** Whether the row's flow has left the view, and is shown only until the order is made anew. */
  isGone(name: string): boolean {
    return this.#gone.has(flowOf(name));
  }

  /** Listens to the flow of a row. */
  subscribe(name: string, listener: () => void): () => void {
    const key = flowOf(name);
    const listeners = this.#listeners.get(key) ?? new Set();
    this.#listeners.set(key, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }

  /** The next order is the answer to a wish: it is shown at once. */
  expectOrder(): void {
    this.#isAskedFor = true;
  }

  /** Takes what the server said. */
  receive(update: FlowUpdate): void {
    const changed = new Set<string>();
    if (update.reset) {
      for (const key of this.#flows.keys()) changed.add(key);
      this.#flows.clear();
      this.#rows.clear();
      this.#gone.clear();
      this.#waiting = undefined;
      this.#isAskedFor = true;
      if (!update.order) this.window.set(EMPTY);
    }
    const shown = update.removed?.length ? new Set(this.window.get().order.map(flowOf)) : undefined;
    for (const key of update.removed ?? []) {
      changed.add(key);
      if (update.flows[key]) this.#flows.delete(key);
      else if (shown?.has(key)) this.#gone.add(key);
      else this.#forget(key);
    }
    for (const [key, patch] of Object.entries(update.flows)) {
      changed.add(key);
      const held = this.#gone.delete(key) ? undefined : this.#flows.get(key);
      this.#flows.set(key, merge(held, patch) as Flow);
    }
    if (update.order) {
      this.#waiting = { from: update.from ?? 0, order: update.order, fromFlow: update.from_flow };
      this.settle();
    }
    const totals = this.totals.get();
    if (totals.rows !== update.total || totals.flows !== update.total_flows) {
      this.totals.set({ rows: update.total, flows: update.total_flows });
    }
    this.capture.set(update.capture);
    this.timestamp.set(update.timestamp);
    this.complete.set(update.complete);
    for (const key of changed) for (const listener of [...(this.#listeners.get(key) ?? [])]) listener();
  }

  /** Shows an order that waits, where it is time for it. To be called now and then. */
  settle(): void {
    if (!this.#waiting) return;
    const now = this.now();
    if (!this.#isAskedFor && (this.isHeld() || now - this.#shownAt < ORDER_EVERY)) {
      this.isWaiting.set(true);
      return;
    }
    const window = this.#waiting;
    this.#waiting = undefined;
    this.#isAskedFor = false;
    this.#shownAt = now;
    for (const key of this.#gone) this.#forget(key);
    this.#gone.clear();
    this.isWaiting.set(false);
    this.window.set(window);
  }

  #forget(key: string): void {
    this.#flows.delete(key);
    this.#rows.delete(key);
  }
}
