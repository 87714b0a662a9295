import { expect, it } from 'vitest';
import type { Flow, FlowUpdate } from '../protocol';
import { FlowStore } from './flows';

const A = '10.0.0.1:1 -> 10.0.0.2:2';
const B = '10.0.0.3:1 -> 10.0.0.2:2';

function flow(packets: number): Flow {
  const timing_stats = { count: 0 };
  const end = { address: '10.0.0.1', port: 1 };
  const base = { src: end, dst: end, vlan: [], traffic_type: 'unicast', timing_stats };
  return { ...base, total_packets: packets, total_bytes: packets * 100, transports: ['UDP'], encodings: [] };
}

function update(of: Partial<FlowUpdate> | Record<string, unknown>): FlowUpdate {
  const capture = { packets: 0, bytes: 0, flows: 0, packets_in_flows: 0, packets_not_in_flows: 0 };
  const base = {
    sent: '',
    start: 's',
    analysis: 'a',
    seq: 1,
    epoch: 1,
    view: 1,
    complete: true,
    flows: {},
    total: 2,
    total_flows: 2,
    capture,
  };
  return { ...base, ...of } as FlowUpdate;
}

function store(isHeld = () => false) {
  const clock = { now: 0 };
  const flows = new FlowStore(isHeld, () => clock.now);
  flows.receive(update({ reset: true, flows: { [A]: flow(1), [B]: flow(2) }, from: 0, order: [A, B] }));
  return { flows, clock };
}

it('merges what comes into what it holds, and tells who listens', () => {
  const { flows } = store();
  let told = 0;
  const stop = flows.subscribe(`${A}/UDP`, () => {
    told += 1;
  });
  const before = flows.row(B);
  flows.receive(update({ flows: { [A]: { total_packets: 5, lost: 1 } } }));
  expect(flows.flow(A)).toMatchObject({ total_packets: 5, total_bytes: 100, lost: 1 });
  expect(told).toBe(1);
  expect(flows.row(B)).toBe(before);
  flows.receive(update({ flows: { [A]: { lost: null } } }));
  expect(flows.flow(A)).not.toHaveProperty('lost');
  stop();
  flows.receive(update({ flows: { [A]: { total_packets: 6 } } }));
  expect(told).toBe(2);
});

it('changes the order at most once a second', () => {
  const { flows, clock } = store();
  clock.now = 100;
  flows.receive(update({ from: 0, order: [B, A] }));
  expect(flows.window.get().order).toEqual([A, B]);
  expect(flows.isWaiting.get()).toBe(true);
  clock.now = 1000;
  flows.settle();
  expect(flows.window.get().order).toEqual([B, A]);
  expect(flows.isWaiting.get()).toBe(false);
});

it('keeps the order while a hand is at work, but for what was asked for', () => {
  let isHeld = true;
  const { flows, clock } = store(() => isHeld);
  clock.now = 5000;
  flows.receive(update({ from: 0, order: [B, A] }));
  expect(flows.window.get().order).toEqual([A, B]);
  flows.expectOrder();
  flows.receive(update({ from: 0, order: [B, `${B}/UDP`, A] }));
  expect(flows.window.get().order).toEqual([B, `${B}/UDP`, A]);
  clock.now = 9000;
  flows.receive(update({ from: 0, order: [A, B] }));
  isHeld = false;
  flows.settle();
  expect(flows.window.get().order).toEqual([A, B]);
});

it('shows a flow that left until the order is made anew', () => {
  const { flows, clock } = store();
  clock.now = 10;
  flows.receive(update({ removed: [B], from: 0, order: [A], total: 1, total_flows: 1 }));
  expect(flows.isGone(B)).toBe(true);
  expect(flows.row(B)).toBeDefined();
  clock.now = 2000;
  flows.settle();
  expect(flows.row(B)).toBeUndefined();
  expect(flows.size).toBe(1);
});

it('begins anew where it is told to, and where a flow is removed and sent', () => {
  const { flows } = store();
  flows.receive(update({ flows: { [A]: { lost: 3 } } }));
  flows.receive(update({ removed: [A], flows: { [A]: flow(9) } }));
  expect(flows.flow(A)).not.toHaveProperty('lost');
  flows.receive(update({ reset: true, flows: { [B]: flow(1) }, from: 0, order: [B], total: 1 }));
  expect(flows.flow(A)).toBeUndefined();
  expect(flows.window.get().order).toEqual([B]);
});
