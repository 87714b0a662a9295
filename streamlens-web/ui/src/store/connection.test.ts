import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Connection, ProblemError } from './connection';

class Socket {
  static all: Socket[] = [];
  sent: Record<string, unknown>[] = [];
  isClosed = false;
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: string }) => void) | undefined;
  onclose: ((event: { reason: string }) => void) | undefined;
  constructor() {
    Socket.all.push(this);
  }
  send(text: string) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.isClosed = true;
  }
  says(message: Record<string, unknown>) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  opens() {
    this.onopen?.();
    this.says({ type: 'hello', id: this.sent[0]?.id, protocol: 'streamlens.v1', analyses: [] });
  }
}

let isHidden = false;

function connection() {
  const open = () => new Socket() as unknown as WebSocket;
  const made = new Connection('ws://x/stream', { open, isHidden: () => isHidden, random: () => 1 });
  made.start();
  return made;
}

const last = () => Socket.all.at(-1) as Socket;

beforeEach(() => {
  vi.useFakeTimers();
  Socket.all = [];
  isHidden = false;
});
afterEach(() => vi.useRealTimers());

it('says hello, and is open when that is answered', () => {
  const made = connection();
  expect(made.state.get().kind).toBe('connecting');
  last().opens();
  expect(last().sent[0]).toMatchObject({ type: 'hello', versions: ['streamlens.v1'] });
  expect(made.state.get().kind).toBe('open');
});

it('waits longer with every attempt, from 0.5 to 30 s, and then comes back', () => {
  const made = connection();
  const waits = [];
  for (let attempt = 0; attempt < 9; attempt += 1) {
    last().onclose?.({ reason: '' });
    const state = made.state.get();
    if (state.kind !== 'lost') throw new Error(state.kind);
    waits.push(state.retryAt - Date.now());
    vi.advanceTimersByTime(waits.at(-1) ?? 0);
  }
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
  last().opens();
  expect(made.state.get().kind).toBe('open');
});

it('knows within 2 s that a server has fallen silent', () => {
  const made = connection();
  last().opens();
  const socket = last();
  vi.advanceTimersByTime(1000);
  expect(socket.sent.some((message) => message.type === 'ping')).toBe(true);
  vi.advanceTimersByTime(1000);
  expect(made.state.get().kind).toBe('lost');
  expect(socket.isClosed).toBe(true);
});

it('stays with a server that answers, however little there is to tell', () => {
  const made = connection();
  last().opens();
  for (let time = 0; time < 20; time += 1) {
    vi.advanceTimersByTime(500);
    last().says({ type: 'pong', sent: '' });
  }
  expect(made.state.get().kind).toBe('open');
  expect(Socket.all.length).toBe(1);
});

it('asks nothing while the page is hidden', () => {
  const made = connection();
  last().opens();
  isHidden = true;
  vi.advanceTimersByTime(10_000);
  expect(last().sent.filter((message) => message.type === 'ping').length).toBe(0);
  expect(made.state.get().kind).toBe('open');
});

it('gives each answer to who asked', async () => {
  const made = connection();
  last().opens();
  const right = made.ask({ type: 'subscribe', view: 1, expanded: [] });
  const wrong = made.ask({ type: 'subscribe', filter: 'jiter > 1', expanded: [] });
  const [first, second] = last().sent.slice(-2);
  const error = { type: 'urn:streamlens:problem:filter', title: 'wrong', status: 400, place: { start: 0, end: 5 } };
  last().says({ type: 'error', id: second?.id, error });
  last().says({ type: 'done', id: first?.id, view: 1 });
  expect(await right).toMatchObject({ view: 1 });
  await expect(wrong).rejects.toBeInstanceOf(ProblemError);
});

it('fails what was not answered when the connection is lost', async () => {
  const made = connection();
  last().opens();
  const asked = made.ask({ type: 'subscribe', expanded: [] });
  last().onclose?.({ reason: 'going away' });
  await expect(asked).rejects.toThrow('going away');
  await expect(made.ask({ type: 'subscribe', expanded: [] })).rejects.toThrow('not connected');
});
