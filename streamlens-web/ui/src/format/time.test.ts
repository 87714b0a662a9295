import { expect, it } from 'vitest';
import { ago, clockOf, full, instant, seconds, spanOf, within, zoomed } from './time';

it('reads instants and writes them', () => {
  const at = seconds('2026-03-02T09:00:00.250000000Z') as number;
  expect(at).toBe(Date.UTC(2026, 2, 2, 9) / 1000 + 0.25);
  expect(instant(at)).toBe('2026-03-02T09:00:00.250000000Z');
  expect(seconds('2026-03-02T09:00:00Z')).toBe(Math.floor(at));
  for (const wrong of [undefined, '', 'now', '2026-13-02T09:00:00Z']) expect(seconds(wrong)).toBeUndefined();
  expect(full('2026-03-02T09:00:00.002129768Z')).toBe('2026-03-02 09:00:00.002129768 UTC');
});

it('writes as many digits as a step needs', () => {
  const at = seconds('2026-03-02T09:00:01.250000000Z') as number;
  expect([10, 1, 0.5, 0.01, 0.001].map((step) => clockOf(at, step))).toEqual([
    '09:00:01',
    '09:00:01',
    '09:00:01.2',
    '09:00:01.25',
    '09:00:01.250',
  ]);
});

it('says how long ago something was', () => {
  expect([400, 5000, 125_000, 3_720_000].map(ago)).toEqual(['0 s', '5 s', '2 min 5 s', '1 h 2 min']);
});

it('looks closer around a place, which stays where it is', () => {
  const span = zoomed({ from: 100, to: 200 }, 125, 0.5);
  expect(span).toEqual({ from: 112.5, to: 162.5 });
  expect((125 - span.from) / (span.to - span.from)).toBe(0.25);
  expect(zoomed({ from: 0, to: 1 }, 0.5, 1e-9).to).toBeCloseTo(0.5005);
});

it('keeps spans within what there is', () => {
  const all = { from: 0, to: 10 };
  expect(within({ from: -3, to: 1 }, all)).toEqual({ from: 0, to: 4 });
  expect(within({ from: 8, to: 12 }, all)).toEqual({ from: 6, to: 10 });
  expect(within({ from: -5, to: 50 }, all)).toEqual(all);
  expect(spanOf(5, 2)).toEqual({ from: 2, to: 5 });
  expect(spanOf(2, 2)).toBeUndefined();
});
