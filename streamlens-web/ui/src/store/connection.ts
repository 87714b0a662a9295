import type { ClientMessage, Done, HelloAnswer, Problem, ServerMessage } from '../protocol';
import { PROTOCOL } from '../protocol';
import { Signal } from './signal';

/** How the connection is. */
export type ConnectionState =
  | { kind: 'connecting' }
  | { kind: 'open' }
  /** `since` and `retryAt` are of `Date.now()`. */
  | { kind: 'lost'; since: number; retryAt: number; reason: string };

/** An answer that is no success. */
export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail ?? problem.title);
  }
}

/** What the connection needs of its surroundings; tests have their own. */
export interface Surroundings {
  open: (url: string) => WebSocket;
  isHidden: () => boolean;
  /** 0 to 1. */
  random: () => number;
}

const BROWSER: Surroundings = {
  open: (url) => new WebSocket(url),
  isHidden: () => document.hidden,
  random: Math.random,
};

/** The shortest and the longest wait before another attempt, in milliseconds. */
export const RETRY = { first: 500, most: 30_000 };
/** After this silence the server is asked whether it is there, and after that one it is not. */
export const SILENCE = { ask: 600, lost: 1700 };

type Without<T> = T extends unknown ? Omit<T, 'id'> : never;
/** A message without its identifier, which the connection gives. */
export type Request = Without<ClientMessage>;

/** A connection to `/stream` that comes back by itself. */
export class Connection {
  readonly state = new Signal<ConnectionState>({ kind: 'connecting' });
  /** Called with the answer to `hello`, whenever the connection is open again. */
  onHello: (answer: HelloAnswer) => void = () => {};
  /** Called with every other message that answers nothing. */
  onMessage: (message: ServerMessage) => void = () => {};

  #socket: WebSocket | undefined;
  #attempt = 0;
  #nextId = 1;
  #heardAt = 0;
  #checkedAt = 0;
  #lostSince = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setInterval> | undefined;
  readonly #open = new Map<number, { done: (answer: Done) => void; failed: (why: Error) => void }>();

  constructor(
    private readonly url: string,
    private readonly around: Surroundings = BROWSER,
  ) {}

  start(): void {
    this.#connect();
  }

  stop(): void {
    clearTimeout(this.#retry);
    clearInterval(this.#watch);
    const socket = this.#socket;
    this.#socket = undefined;
    socket?.close();
  }

  /** Tries at once, where another attempt is waited for. */
  retryNow(): void {
    if (this.state.get().kind !== 'lost') return;
    clearTimeout(this.#retry);
    this.#connect();
  }

  /** Sends a message; settles with its answer. Fails where the connection isn't open. */
  ask(request: Request): Promise<Done> {
    if (this.state.get().kind !== 'open') return Promise.reject(new Error('not connected'));
    return new Promise((done, failed) => this.#open.set(this.#send(request), { done, failed }));
  }

  #send(request: Request): number {
    const id = this.#nextId++;
    this.#socket?.send(JSON.stringify({ ...request, id }));
    return id;
  }

  #connect(): void {
    const socket = this.around.open(this.url);
    this.#socket = socket;
    if (this.state.get().kind !== 'lost') this.state.set({ kind: 'connecting' });
    this.#heardAt = Date.now();
    this.#checkedAt = Date.now();
    clearInterval(this.#watch);
    this.#watch = setInterval(() => this.#check(socket), 300);
    socket.onopen = () => this.#send({ type: 'hello', versions: [PROTOCOL] });
    socket.onmessage = (event) => {
      if (socket !== this.#socket || typeof event.data !== 'string') return;
      this.#heardAt = Date.now();
      this.#receive(JSON.parse(event.data) as ServerMessage);
    };
    socket.onclose = (event) => this.#lose(socket, event.reason || 'the connection was closed');
    socket.onerror = () => {};
  }

  /** Asks whether the server is there, or finds that it isn't. A page that slept itself knows nothing of the server. */
  #check(socket: WebSocket): void {
    const now = Date.now();
    const slept = now - this.#checkedAt > 1000;
    this.#checkedAt = now;
    if (slept || this.around.isHidden()) {
      this.#heardAt = Math.max(this.#heardAt, now - SILENCE.ask);
      if (!slept) return;
    }
    const silence = now - this.#heardAt;
    if (silence > SILENCE.lost) this.#lose(socket, 'the server does not answer');
    else if (silence >= SILENCE.ask && this.state.get().kind === 'open') this.#send({ type: 'ping' });
  }

  #receive(message: ServerMessage): void {
    if (message.type === 'hello') {
      this.#attempt = 0;
      this.#lostSince = 0;
      this.state.set({ kind: 'open' });
      this.onHello(message);
      return;
    }
    if (message.type === 'done' || message.type === 'error') {
      const open = typeof message.id === 'number' ? this.#open.get(message.id) : undefined;
      if (open) {
        this.#open.delete(message.id as number);
        if (message.type === 'done') open.done(message);
        else open.failed(new ProblemError(message.error));
        return;
      }
    }
    if (message.type !== 'pong') this.onMessage(message);
  }

  #lose(socket: WebSocket, reason: string): void {
    if (socket !== this.#socket) return;
    this.#socket = undefined;
    clearInterval(this.#watch);
    socket.close();
    for (const open of this.#open.values()) open.failed(new Error(reason));
    this.#open.clear();
    const wait = Math.min(RETRY.most, RETRY.first * 2 ** this.#attempt) * (0.75 + 0.25 * this.around.random());
    this.#attempt += 1;
    this.#lostSince ||= this.#heardAt;
    this.state.set({ kind: 'lost', since: this.#lostSince, retryAt: Date.now() + wait, reason });
    this.#retry = setTimeout(() => this.#connect(), wait);
  }
}
