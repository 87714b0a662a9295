import { seconds } from '../format/time';
import type { Analysis, FlowUpdate, HelloAnswer, Part, Problem, ServerMessage, Subscribe } from '../protocol';
import { type Connection, ProblemError } from './connection';
import { DetailStore } from './details';
import { FindingStore } from './findings';
import { FlowStore } from './flows';
import { needsToken } from './rest';
import { Signal } from './signal';
import { filterOf, fromAddress, toAddress, type View } from './view';

/** The view's number on the wire: the page has one. */
const VIEW = 1;
/** Rows asked for beyond those that are seen, on either side. */
const MARGIN = 60;
/** How long a hand counts as at work after it moved, in milliseconds. */
const HAND = 1000;

const PARTS: Part[] = ['series', 'histogram', 'heat', 'streams', 'metadata', 'reasons'];

/** What a person should know of, for a moment. */
export interface Notice {
  text: string;
  isError: boolean;
}

/** All that the page knows and does beside drawing: what is shown follows from it. */
export class Session {
  readonly view: Signal<View>;
  readonly hello = new Signal<HelloAnswer | undefined>(undefined);
  readonly analyses = new Signal<readonly Analysis[]>([]);
  readonly flows: FlowStore;
  readonly findings = new FindingStore();
  readonly details = new DetailStore();
  /** What is wrong with a filter that was asked for; places count in its own text. */
  readonly filterProblem = new Signal<{ filter: string; problem: Problem } | undefined>(undefined);
  readonly notice = new Signal<Notice | undefined>(undefined);
  /** What the server wants before it says anything, in words. */
  readonly refusal = new Signal<string | undefined>(undefined);
  /** When the last message about the view came, of `Date.now()`. */
  readonly heardAt = new Signal<number | undefined>(undefined);

  /** The latest capture time that was heard of, in seconds since the epoch. */
  readonly newest = new Signal<number | undefined>(undefined);

  #window = { from: 0, count: 100 };
  #handAt = Number.NEGATIVE_INFINITY;
  #watched: { analysis: string | undefined; row: string } | undefined;
  #watchTimer: ReturnType<typeof setTimeout> | undefined;
  #subscribeTimer: ReturnType<typeof setTimeout> | undefined;
  #isAt = false;
  /** A view has been asked for, and that isn't answered yet; what is asked for meanwhile is asked for afterwards. */
  #isAsking = false;
  #isOutdated = false;

  constructor(
    readonly connection: Connection,
    /** Whether a token was in the address, and the server doesn't know it. */
    private readonly hasWrongToken = false,
  ) {
    this.view = new Signal(fromAddress(location.hash));
    this.flows = new FlowStore(() => performance.now() - this.#handAt < HAND);
    connection.onHello = (answer) => this.#begin(answer);
    connection.onMessage = (message) => this.#receive(message);
  }

  /** Begins; the page does so once. Returns what ends it. */
  start(): () => void {
    const settle = setInterval(() => this.flows.settle(), 200);
    const visible = () => {
      if (this.connection.state.get().kind !== 'open') {
        if (!document.hidden) this.connection.retryNow();
        return;
      }
      this.#tell(this.connection.ask({ type: document.hidden ? 'pause' : 'resume' }));
      if (!document.hidden) this.#showTime();
    };
    const navigated = () => this.#change(fromAddress(location.hash));
    document.addEventListener('visibilitychange', visible);
    window.addEventListener('hashchange', navigated);
    const forget = this.connection.state.subscribe(() => this.#askWhy());
    this.connection.start();
    return () => {
      forget();
      clearInterval(settle);
      document.removeEventListener('visibilitychange', visible);
      window.removeEventListener('hashchange', navigated);
      this.connection.stop();
    };
  }

  /** The analysis that is shown. */
  analysis(): Analysis | undefined {
    const all = this.analyses.get();
    const wanted = this.view.get().analysis;
    return wanted === undefined ? all[0] : all.find((analysis) => analysis.id === wanted);
  }

  /** Whether frames come at their own pace, so that rates of the last second mean something. */
  isLive(): boolean {
    const kind = this.analysis()?.kind;
    return kind !== 'capture' && kind !== 'upload';
  }

  /** Shows something else. A change of the analysis or the filter can be gone back from. */
  show(change: Partial<View>): void {
    const before = this.view.get();
    const view = { ...before, ...change };
    if (change.analysis !== undefined && change.analysis !== before.analysis) {
      Object.assign(view, { expanded: [], selected: undefined, span: undefined, at: undefined }, change);
    }
    const fragment = toAddress(view);
    const address = `${location.pathname}${location.search}${fragment ? `#${fragment}` : ''}`;
    const isStep = view.analysis !== before.analysis || view.filter !== before.filter;
    if (isStep) history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.#change(view);
  }

  /** Opens or closes rows. */
  expand(names: readonly string[], isOpen: boolean): void {
    const { expanded } = this.view.get();
    const others = expanded.filter((name) => !names.includes(name));
    this.show({ expanded: isOpen ? [...others, ...names].slice(-1000) : others });
  }

  /** Rows that are on the screen; what is asked of the server follows. */
  setVisible(first: number, last: number): void {
    const { from, count } = this.#window;
    const total = this.flows.totals.get().rows;
    const isCovered = first >= from && (last < from + count || from + count >= total);
    const isTight = first - from < MARGIN / 3 && from > 0;
    const isEnding = from + count - last < MARGIN / 3 && from + count < total;
    const wanted = { from: Math.max(0, first - MARGIN), count: last - first + 1 + 2 * MARGIN };
    if (isCovered && !isTight && !isEnding && count <= 2 * wanted.count) return;
    if (wanted.from === from && wanted.count === count) return;
    this.#window = wanted;
    this.#subscribeTimer ??= setTimeout(() => {
      this.#subscribeTimer = undefined;
      this.#subscribe();
    }, 60);
  }

  /** A hand is at work: rows stay where they are for a while. */
  touch(): void {
    this.#handAt = performance.now();
  }

  tell(text: string, isError = false): void {
    this.notice.set({ text, isError });
  }

  #change(view: View): void {
    const before = this.view.get();
    this.view.set(view);
    if (view.at !== before.at) this.#showTime();
    const asked = ['analysis', 'filter', 'sort', 'depth', 'expanded', 'span'] as const;
    if (asked.some((key) => view[key] !== before[key])) {
      if (view.analysis !== before.analysis || view.filter !== before.filter)
        this.#window = { ...this.#window, from: 0 };
      this.#subscribe();
    }
    if (view.selected !== before.selected || view.analysis !== before.analysis || view.panel !== before.panel) {
      clearTimeout(this.#watchTimer);
      this.#watchTimer = setTimeout(() => this.#watch(), 60);
    }
  }

  /** A browser doesn't tell why a WebSocket was refused. What a token was traded for holds for one start of the server. */
  #askWhy(): void {
    if (this.connection.state.get().kind !== 'lost') return;
    needsToken().then(
      (isNeeded) => {
        if (this.connection.state.get().kind === 'open') return;
        const how = 'open the page with #token=TOKEN behind its address';
        const wasOpen = this.hello.get() !== undefined;
        const first = this.hasWrongToken ? 'The token is not that of the server' : 'The server asks for a token';
        const what = wasOpen ? 'The server was started anew, and asks for the token again' : first;
        this.refusal.set(isNeeded ? `${what}: ${how}.` : undefined);
      },
      () => this.refusal.set(undefined),
    );
  }

  #begin(answer: HelloAnswer): void {
    this.refusal.set(undefined);
    this.hello.set(answer);
    this.analyses.set(answer.analyses);
    this.#watched = undefined;
    this.#isAt = false;
    this.#isAsking = false;
    this.details.forget();
    this.#subscribe();
    this.#watch();
    this.#showTime();
    if (document.hidden) this.#tell(this.connection.ask({ type: 'pause' }));
  }

  #receive(message: ServerMessage): void {
    switch (message.type) {
      case 'flow_update':
        if (message.view === VIEW) this.#update(message);
        break;
      case 'analyses':
        this.analyses.set(message.analyses);
        break;
      case 'detail':
        this.details.receive(message);
        break;
      case 'error':
        this.tell(message.error.detail ?? message.error.title, true);
        break;
    }
  }

  #update(update: FlowUpdate): void {
    this.heardAt.set(Date.now());
    this.flows.receive(update);
    const time = seconds(update.timestamp);
    if (update.reset && this.view.get().at === undefined) this.newest.set(time);
    else if (time !== undefined && time > (this.newest.get() ?? 0)) this.newest.set(time);
    this.findings.receive(update.findings, update.reset ?? false);
  }

  #subscribe(): void {
    if (this.connection.state.get().kind !== 'open') return;
    if (this.#isAsking) {
      this.#isOutdated = true;
      return;
    }
    this.#isAsking = true;
    this.#isOutdated = false;
    const view = this.view.get();
    const filter = filterOf(view);
    const request: Subscribe = {
      view: VIEW,
      analysis: view.analysis,
      filter: filter.text.trim() === '' ? undefined : filter.text,
      sort: view.sort,
      window: this.#window,
      depth: view.depth,
      expanded: [...view.expanded],
      rate: 10,
      findings: true,
      history: true,
    };
    this.flows.expectOrder();
    const answered = this.connection.ask({ type: 'subscribe', ...request }).then(
      () => this.filterProblem.set(undefined),
      (why: unknown) => {
        if (!(why instanceof ProblemError)) return;
        const { place } = why.problem;
        if (place) {
          const moved = { start: place.start - filter.offset, end: place.end - filter.offset };
          this.filterProblem.set({ filter: view.filter, problem: { ...why.problem, place: moved } });
        } else this.tell(why.message, true);
      },
    );
    answered.finally(() => {
      this.#isAsking = false;
      if (this.#isOutdated) this.#subscribe();
    });
  }

  #watch(): void {
    if (this.connection.state.get().kind !== 'open') return;
    const { analysis, selected, panel } = this.view.get();
    const wanted = panel === 'detail' ? selected : undefined;
    if (this.#watched && this.#watched.row === wanted && this.#watched.analysis === analysis) return;
    if (this.#watched)
      this.#tell(this.connection.ask({ type: 'unwatch', analysis: this.#watched.analysis, flow: this.#watched.row }));
    this.#watched = wanted === undefined ? undefined : { analysis, row: wanted };
    this.details.begin(wanted);
    if (wanted !== undefined) this.#tell(this.connection.ask({ type: 'watch', analysis, flow: wanted, parts: PARTS }));
  }

  /** Shows the time that the view says. */
  #showTime(): void {
    if (this.connection.state.get().kind !== 'open') return;
    const { at } = this.view.get();
    if (at === undefined && !this.#isAt) return;
    this.#isAt = at !== undefined;
    this.flows.expectOrder();
    this.details.forget();
    if (at === undefined) {
      this.#tell(this.connection.ask({ type: 'resume' }));
      return;
    }
    this.connection.ask({ type: 'at', time: at }).catch((why: unknown) => {
      if (!(why instanceof ProblemError)) return;
      this.tell(why.message, true);
      this.show({ at: undefined });
    });
  }

  /** Says what went wrong with a request. */
  #tell(answer: Promise<unknown>): void {
    answer.catch((why: unknown) => {
      if (why instanceof ProblemError) this.tell(why.message, true);
    });
  }
}
